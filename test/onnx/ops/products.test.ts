import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { computed, expectClose, noise, reader, run } from "../run-graph.ts"

type Shaped = ReturnType<typeof noise>

/** The product by its definition; operands are read with their last axes swapped where told. */
const plain = (a: Shaped, b: Shaped, shape: ReadonlyArray<number>, transA = false, transB = false): ReadonlyArray<number> => {
  const inner = transA ? a.shape[a.shape.length - 2] : a.shape[a.shape.length - 1]
  return computed(shape, (index) => {
    const [batch, m, n] = [index.slice(0, -2), index[index.length - 2], index[index.length - 1]]
    let total = 0
    for (let k = 0; k < inner; k++) total += reader(a)(transA ? [...batch, k, m] : [...batch, m, k]) * reader(b)(transB ? [...batch, n, k] : [...batch, k, n])
    return total
  })
}

describe("matMul", () => {
  const cases: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>]> = [
    [
      [2, 3],
      [3, 4],
      [2, 4]
    ],
    [
      [5, 2, 3],
      [3, 4],
      [5, 2, 4]
    ],
    [
      [2, 3],
      [5, 3, 4],
      [5, 2, 4]
    ],
    [
      [2, 1, 2, 3],
      [3, 3, 4],
      [2, 3, 2, 4]
    ],
    [
      [1, 3],
      [3, 1],
      [1, 1]
    ]
  ]
  for (const [left, right, shape] of cases) {
    it(`[${left.join(", ")}] by [${right.join(", ")}]`, async () => {
      const [a, b] = [noise(left, 1), noise(right, 2)]
      const [{ data, dims }] = await run({ a, b }, (v) => op.matMul(v.a, v.b), { a: left.map((side, axis) => (axis === left.length - 2 ? "rows" : side)) })
      expect(dims).toEqual(shape)
      expectClose(data, plain(a, b, shape))
    })
  }

  it("vectors are rows on the left, columns on the right", async () => {
    const [dot, row, column] = await run({ v: noise([3], 1), m: noise([3, 2], 2), n: noise([2, 3], 3) }, ({ m, n, v }) => [
      op.matMul(v, v),
      op.matMul(v, m),
      op.matMul(n, v)
    ])
    expect([dot.dims, row.dims, column.dims]).toEqual([[], [2], [2]])
  })

  it("sides that do not meet are named", async () => {
    await run({ a: noise([2, 3], 1), b: noise([2, 3], 2), s: noise([], 3) }, (v) => {
      expect(() => op.matMul(v.a, v.b)).toThrow("MatMul: inner sides 3 and 2 differ: [2, 3] and [2, 3]")
      expect(() => op.matMul(v.a, v.s)).toThrow("a scalar is no matrix")
      return v.a
    })
  })
})

describe("fusedMatMul", () => {
  const cases = [
    ["a linear layer's weight", [4, 3], [5, 3], [4, 5], { transB: true }],
    ["a linear layer over a batch", [2, 4, 3], [5, 3], [2, 4, 5], { transB: true }],
    ["scores of grouped queries", [1, 2, 6, 4], [1, 2, 5, 4], [1, 2, 6, 5], { transB: true, alpha: 0.5 }],
    ["the left one swapped", [2, 3, 4], [2, 3, 5], [2, 4, 5], { transA: true }],
    ["both swapped, by a factor", [3, 4], [5, 3], [4, 5], { transA: true, transB: true, alpha: -2 }],
    ["as they are", [2, 3], [3, 4], [2, 4], {}]
  ] as const
  for (const [name, left, right, shape, options] of cases) {
    it(name, async () => {
      const [a, b] = [noise(left, 1), noise(right, 2)]
      const { alpha = 1, transA = false, transB = false }: op.ProductOptions = options
      const [{ data, dims }] = await run({ a, b }, (v) => op.fusedMatMul(v.a, v.b, options))
      expect(dims).toEqual(shape)
      expectClose(
        data,
        plain(a, b, shape, transA, transB).map((value) => value * alpha)
      )
    })
  }

  it("takes no vectors, and sides that meet", async () => {
    await run({ v: noise([3], 1), m: noise([2, 3], 2) }, ({ m, v }) => {
      expect(() => op.fusedMatMul(m, v)).toThrow("FusedMatMul: operands have two axes or more: [2, 3] and [3]")
      expect(() => op.fusedMatMul(m, m)).toThrow("FusedMatMul: inner sides 3 and 2 differ")
      return m
    })
  })
})

describe("gemm", () => {
  it("with and without bias, with the weight as checkpoints keep it", async () => {
    const [x, w, bias] = [noise([4, 3], 1), noise([5, 3], 2), noise([5], 3)]
    const [plainly, biased, upright] = await run(
      { x, w, bias, u: noise([3, 5], 4) },
      (v) => [op.gemm(v.x, v.w, undefined, { transB: true }), op.gemm(v.x, v.w, v.bias, { transB: true }), op.gemm(v.x, v.u)],
      { x: ["rows", 3] }
    )
    const expected = plain(x, w, [4, 5], false, true)
    expectClose(plainly.data, expected)
    expectClose(
      biased.data,
      expected.map((value, i) => value + bias.data[i % 5])
    )
    expectClose(upright.data, plain(x, noise([3, 5], 4), [4, 5]))
    await run({ x, w, bias }, (v) => {
      expect(() => op.gemm(v.x, v.w)).toThrow("Gemm: inner sides 3 and 5 differ")
      expect(() => op.gemm(v.x, v.x, v.bias, { transB: true })).toThrow("Gemm: cannot be broadcast: [4, 4] and [5]")
      return v.x
    })
  })
})
