import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as op from "../../../src/onnx/ops.ts"
import { float32, sizeOf } from "../../../src/tensor/tensor.ts"
import { computed, noise, reader, run, whole } from "../run-graph.ts"

const END = Number.MAX_SAFE_INTEGER
/** 0, 1, 2, ... so that every element tells where it was. */
const counted = (shape: ReadonlyArray<number>) => {
  const tensor = noise(shape, 1)
  tensor.data.forEach((_, i) => {
    tensor.data[i] = i
  })
  return tensor
}

describe("reshape", () => {
  const x = counted([2, 3, 4])
  const cases: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number | string>]> = [
    [
      [6, 4],
      [6, 4]
    ],
    [[-1], ["12*rows"]],
    [
      [0, -1],
      ["rows", 12]
    ],
    [
      [4, -1, 3],
      [4, "rows", 3]
    ],
    [
      [-1, 3, 0, 2],
      ["rows/2", 3, 4, 2]
    ],
    [
      [1, 0, 2, -1],
      [1, 3, 2, "2*rows"]
    ],
    [
      [0, 0, 2, 2],
      ["rows", 3, 2, 2]
    ]
  ]
  for (const [target, sides] of cases) {
    it(`[rows, 3, 4] as [${target.join(", ")}]`, async () => {
      const fits = target[1] !== 3 || target[3] !== 2
      const [{ data }] = await run(
        { x: fits ? x : counted([2, 3, 4]) },
        (v) => {
          const value = op.reshape(v.x, target)
          expect(value.shape).toEqual(sides)
          return value
        },
        { x: ["rows", 3, 4] }
      )
      expect(data).toEqual(Array.from(x.data))
    })
  }

  it("to one element and back, and by a vector that the run makes", async () => {
    const [scalar, back, made] = await run({ one: counted([1]), x, by: whole([2], 4, 6) }, ({ by, one, x: value }) => [
      op.reshape(one, []),
      op.reshape(op.reshape(one, []), [1, 1]),
      op.reshape(value, by, ["?0", 6])
    ])
    expect([scalar.dims, back.dims, made.dims]).toEqual([[], [1, 1], [4, 6]])
  })

  it("the rows of grouped queries come back as they were", async () => {
    const [{ dims }] = await run(
      { x: counted([5, 48]) },
      (v) => {
        const grouped = op.reshape(op.transpose(op.reshape(v.x, [1, -1, 2, 3, 8]), [0, 2, 3, 1, 4]), [1, 2, -1, 8])
        expect(grouped.shape).toEqual([1, 2, "3*rows", 8])
        const back = op.reshape(op.transpose(op.reshape(grouped, [1, 2, 3, -1, 8]), [0, 3, 1, 2, 4]), [-1, 48])
        expect(back.shape).toEqual(["rows", 48])
        return back
      },
      { x: ["rows", 48] }
    )
    expect(dims).toEqual([5, 48])
  })

  it("what cannot be is named", async () => {
    await run({ x }, (v) => {
      expect(() => op.reshape(v.x, [5, -1])).toThrow("reshape: 24 elements are no multiple of 5: [2, 3, 4] and [5, -1]")
      expect(() => op.reshape(v.x, [5, 5])).toThrow("24 elements into 25")
      expect(() => op.reshape(v.x, [-1, -1])).toThrow("only one side can be -1")
      expect(() => op.reshape(v.x, [1, 1, 1, 0, -1])).toThrow("no side 3 to keep")
      expect(() => op.reshape(v.x, [-2])).toThrow("whole numbers or -1")
      return v.x
    })
  })
})

describe("axes", () => {
  it("transpose", async () => {
    const x = counted([2, 3, 4])
    for (const axes of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1]
    ]) {
      const [{ data }] = await run({ x }, (v) => op.transpose(v.x, axes), { x: ["a", "b", 4] })
      expect(data).toEqual(
        computed(
          axes.map((axis) => x.shape[axis]),
          (i) => reader(x)([0, 1, 2].map((axis) => i[axes.indexOf(axis)]))
        )
      )
    }
    await run({ x }, (v) => {
      for (const axes of [
        [0, 1],
        [0, 1, 1],
        [1, 2, 3],
        [-1, 0, 1]
      ])
        expect(() => op.transpose(v.x, axes)).toThrow("Transpose")
      return v.x
    })
  })

  it("squeeze and unsqueeze", async () => {
    const [gone, all, added] = await run({ x: counted([1, 3, 1, 4]) }, (v) => [op.squeeze(v.x, [0]), op.squeeze(v.x, [-2, 0]), op.unsqueeze(v.x, [0, -1, 3])], {
      x: ["batch", 3, 1, "width"]
    })
    expect([gone.dims, all.dims, added.dims]).toEqual([
      [3, 1, 4],
      [3, 4],
      [1, 1, 3, 1, 1, 4, 1]
    ])
    await run({ x: counted([2, 3]) }, (v) => {
      expect(() => op.squeeze(v.x, [0])).toThrow("Squeeze: axes [0] are not all 1: [2, 3]")
      expect(() => op.unsqueeze(v.x, [4])).toThrow("Unsqueeze: no axis 4: [2, 3]")
      expect(() => op.unsqueeze(v.x, [0, -4])).toThrow("stand twice")
      return v.x
    })
  })
})

describe("pieces", () => {
  const Bound = Schema.Int
  it.effect.prop(
    "slice gives the elements that counting gives, and the side that was inferred",
    [Bound, Bound, Bound],
    ([a, b, c]) => {
      const [from, to, step] = [a % 9, b % 9, c % 4 || 1]
      const x = counted([5, 2])
      return Effect.promise(async () => {
        const [{ data }] = await run({ x }, (v) => op.slice(v.x, { axis: 0, from, to, step }))
        const clamp = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at < 0 ? at + 5 : at))
        const expected: Array<number> = []
        if (step > 0) for (let i = clamp(from, 0, 5); i < clamp(to, 0, 5); i += step) expected.push(i * 2, i * 2 + 1)
        // Backwards, ONNX starts at element 0 at the least (NumPy would give nothing).
        else for (let i = clamp(from, 0, 4); i > clamp(to, -1, 4); i += step) expected.push(i * 2, i * 2 + 1)
        expect(data).toEqual(expected)
      })
    },
    { arbitrary: { runs: 150 } }
  )

  it("slice of a side that the run decides: the last ones, all but the first, all but the last, between", async () => {
    const x = counted([5, 2])
    const results = await run(
      { x },
      (v) => {
        const cut = (from: number, to: number) => op.slice(v.x, { axis: 0, from, to })
        const values = [cut(-1, END), cut(1, END), cut(0, -2), cut(-3, -1), cut(0, END), cut(1, 3)]
        expect(values.map(({ shape }) => shape[0])).toEqual([1, "(rows-1)", "(rows-2)", 2, "rows", "(slice(rows,1,3,1))"])
        return values
      },
      { x: ["rows", 2] }
    )
    expect(results.map(({ data }) => data)).toEqual([
      [8, 9],
      [2, 3, 4, 5, 6, 7, 8, 9],
      [0, 1, 2, 3, 4, 5],
      [4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [2, 3, 4, 5]
    ])
  })

  it("slice up to where the run says", async () => {
    const [{ data, dims }] = await run({ x: counted([5, 2]), n: whole([1], 3) }, (v) => op.slice(v.x, { axis: -2, from: 0, to: v.n }))
    expect([dims, data]).toEqual([
      [3, 2],
      [0, 1, 2, 3, 4, 5]
    ])
  })

  it("split and concat", async () => {
    const x = counted([2, 6])
    const [a, b, c, whole_, twice] = await run(
      { x },
      (v) => {
        const parts = op.split(v.x, { axis: -1, sizes: [1, 3, 2] })
        return [...parts, op.concat(parts, 1), op.concat([v.x, v.x], 0)]
      },
      { x: ["rows", 6] }
    )
    expect([a.data, b.data, c.data, whole_.data]).toEqual([[0, 6], [1, 2, 3, 7, 8, 9], [4, 5, 10, 11], Array.from(x.data)])
    expect(twice.data).toEqual([...x.data, ...x.data])
    await run({ x, y: counted([3, 2]) }, (v) => {
      expect(() => op.split(v.x, { axis: 1, sizes: [1, 3] })).toThrow("Split: sizes [1, 3] do not fill axis 1: [2, 6]")
      expect(() => op.concat([v.x, v.y], 1)).toThrow("Concat: cannot be joined along axis 1: [2, 6] and [3, 2]")
      expect(() => op.concat([], 0)).toThrow("nothing to join")
      return v.x
    })
  })
})

describe("repeats and edges", () => {
  it("expand", async () => {
    const x = counted([2, 1])
    const [fixed, made] = await run({ x, to: whole([3], 2, 2, 3) }, (v) => [op.expand(v.x, [3, 1, 4]), op.expand(v.x, v.to, [2, 2, 3])], { x: ["rows", 1] })
    expect(fixed.data).toEqual(computed([3, 2, 4], (i) => i[1]))
    expect(made.dims).toEqual([2, 2, 3])
  })

  it("tile", async () => {
    const [{ data }] = await run({ x: counted([2, 3]) }, (v) => op.tile(v.x, [2, 1]), { x: ["rows", 3] })
    expect(data).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])
  })

  it("pad", async () => {
    const [zeros, ones] = await run({ x: counted([2, 2]) }, (v) => [op.pad(v.x, [0, 1, 1, 0]), op.pad(v.x, [0, 0, 0, 1], 7)], { x: ["rows", 2] })
    expect([zeros.data, ones.data]).toEqual([
      [0, 0, 1, 0, 2, 3, 0, 0, 0],
      [0, 1, 7, 2, 3, 7]
    ])
  })

  it("the shape as a value", async () => {
    const [{ data }] = await run({ x: counted([2, 3, 4]) }, (v) => op.shapeOf(v.x))
    expect(data).toEqual([2, 3, 4])
  })

  it("a side of 0 stays one", async () => {
    const [joined, shaped] = await run({ x: float32([0, 4]), y: counted([2, 4]) }, (v) => [op.concat([v.x, v.y], 0), op.reshape(v.x, [-1, 2, 2])], {
      x: ["rows", 4]
    })
    expect([joined.dims, shaped.dims, sizeOf(shaped.dims)]).toEqual([[2, 4], [0, 2, 2], 0])
  })
})
