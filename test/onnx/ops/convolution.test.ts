import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { computed, expectClose, noise, reader, run } from "../run-graph.ts"

type Shaped = ReturnType<typeof noise>

/** Convolution over one or two axes by its definition. */
const plain = (
  x: Shaped,
  w: Shaped,
  bias: Shaped | undefined,
  { dilations, groups = 1, pads, strides }: op.ConvolutionOptions,
  shape: ReadonlyArray<number>
) => {
  const axes = shape.length - 2
  const each = w.shape[1]
  return computed(shape, ([n, m, ...place]) => {
    let total = bias?.data[m] ?? 0
    const first = Math.floor(m / (w.shape[0] / groups)) * each
    const visit = (axis: number, at: ReadonlyArray<number>, kernel: ReadonlyArray<number>): void => {
      if (axis === axes) {
        for (let c = 0; c < each; c++) total += reader(x)([n, first + c, ...at]) * reader(w)([m, c, ...kernel])
        return
      }
      for (let k = 0; k < w.shape[2 + axis]; k++) {
        const where = place[axis] * (strides?.[axis] ?? 1) + k * (dilations?.[axis] ?? 1) - (pads?.[axis] ?? 0)
        if (where >= 0 && where < x.shape[2 + axis]) visit(axis + 1, [...at, where], [...kernel, k])
      }
    }
    visit(0, [], [])
    return total
  })
}

describe("conv", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<number>, ReadonlyArray<number>, op.ConvolutionOptions]> = [
    ["sound, step 1", [2, 4, 9], [6, 4, 3], { pads: [1, 1] }],
    ["sound, step 2", [1, 4, 9], [6, 4, 3], { strides: [2], pads: [1, 1] }],
    ["sound, an even length in step 2", [1, 4, 10], [6, 4, 3], { strides: [2], pads: [1, 1] }],
    ["sound, uneven padding, spread", [1, 2, 9], [2, 2, 3], { pads: [2, 0], dilations: [2] }],
    ["patches of a picture", [2, 3, 8, 12], [5, 3, 4, 4], { strides: [4, 4] }],
    ["a picture, padded", [1, 2, 5, 6], [3, 2, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 1] }],
    ["depthwise", [1, 4, 5, 5], [4, 1, 3, 3], { groups: 4, pads: [1, 1, 1, 1] }],
    ["two groups", [1, 4, 7], [6, 2, 1], { groups: 2 }]
  ]
  for (const [name, xs, ws, options] of cases) {
    it(name, async () => {
      const [x, w, bias] = [noise(xs, 1), noise(ws, 2), noise([ws[0]], 3)]
      const [whole, without] = await run({ x, w, bias }, (v) => [op.conv(v.x, v.w, v.bias, options), op.conv(v.x, v.w, undefined, options)], {
        x: xs.map((side, axis) => (axis === 1 ? side : ["n", "", "h", "w"][axis]))
      })
      expectClose(whole.data, plain(x, w, bias, options, whole.dims))
      expectClose(without.data, plain(x, w, undefined, options, without.dims))
    })
  }

  it("what does not fit is named", async () => {
    await run({ x: noise([1, 4, 9], 1), w: noise([6, 3, 3], 2), b: noise([5], 3), u: noise([6, 4, 30], 4), ok: noise([6, 4, 3], 5) }, (v) => {
      expect(() => op.conv(v.x, v.w)).toThrow("Conv: weights do not fit (1 groups): [1, 4, 9] and [6, 3, 3]")
      expect(() => op.conv(v.x, v.ok, v.b)).toThrow("Conv: weights do not fit (1 groups): [1, 4, 9] and [6, 4, 3] and [5]")
      expect(() => op.conv(v.x, v.u)).toThrow("Conv: a window of 30 does not fit 9 with 0 of padding")
      expect(() => op.conv(v.x, v.ok, undefined, { strides: [1, 1] })).toThrow("Conv: 1 axes slide, with 2 strides")
      return v.x
    })
  })
})

describe("averagePool", () => {
  it("neighbours, an odd one left out", async () => {
    const x = noise([2, 3, 7], 1)
    const [{ data, dims }] = await run({ x }, (v) => op.averagePool(v.x, { kernel: [2], strides: [2] }), { x: [2, 3, "rows"] })
    expect(dims).toEqual([2, 3, 3])
    expectClose(
      data,
      computed([2, 3, 3], ([n, c, i]) => (reader(x)([n, c, 2 * i]) + reader(x)([n, c, 2 * i + 1])) / 2)
    )
  })

  it("squares of a picture; padding does not count", async () => {
    const x = noise([1, 2, 4, 4], 1)
    const [squares, padded] = await run({ x }, (v) => [
      op.averagePool(v.x, { kernel: [2, 2], strides: [2, 2] }),
      op.averagePool(v.x, { kernel: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1] })
    ])
    expectClose(
      squares.data,
      computed(
        [1, 2, 2, 2],
        ([n, c, i, j]) =>
          (reader(x)([n, c, 2 * i, 2 * j]) +
            reader(x)([n, c, 2 * i + 1, 2 * j]) +
            reader(x)([n, c, 2 * i, 2 * j + 1]) +
            reader(x)([n, c, 2 * i + 1, 2 * j + 1])) /
          4
      )
    )
    expect(padded.dims).toEqual([1, 2, 3, 3])
    expectClose([padded.data[0]], [reader(x)([0, 0, 0, 0])])
  })
})

describe("resize", () => {
  it("linear between pixels that are areas, and between corners; nearest by whole factors", async () => {
    const x = noise([1, 2, 2, 3], 1)
    const [areas, corners, nearest] = await run({ x }, (v) => [
      op.resize(v.x, [4, 6], { mode: "linear" }),
      op.resize(v.x, [3, 5], { mode: "linear", coordinates: "align_corners" }),
      op.resize(v.x, [4, 6], { mode: "nearest", coordinates: "asymmetric" })
    ])
    const linear = (at: number, count: number) => {
      const inside = Math.min(count - 1, Math.max(0, at))
      const low = Math.min(count - 2, Math.floor(inside))
      return [
        [low, 1 - inside + low],
        [low + 1, inside - low]
      ] as const
    }
    const between = (c: number, y: number, z: number) =>
      linear(y, 2)
        .flatMap(([i, a]) => linear(z, 3).map(([j, b]) => a * b * reader(x)([0, c, i, j])))
        .reduce((p, q) => p + q)
    expectClose(
      areas.data,
      computed([1, 2, 4, 6], ([, c, i, j]) => between(c, (i + 0.5) / 2 - 0.5, (j + 0.5) / 2 - 0.5))
    )
    expectClose(
      corners.data,
      computed([1, 2, 3, 5], ([, c, i, j]) => between(c, i / 2, j / 2))
    )
    expectClose(
      nearest.data,
      computed([1, 2, 4, 6], ([, c, i, j]) => reader(x)([0, c, Math.floor(i / 2), Math.floor(j / 2)]))
    )
  })
})
