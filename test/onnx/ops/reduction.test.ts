import { describe, expect, it } from "@effect/vitest"
import type { Value } from "../../../src/onnx/graph-builder.ts"
import * as op from "../../../src/onnx/ops.ts"
import { computed, expectClose, indices, noise, reader, run } from "../run-graph.ts"

describe("over axes", () => {
  const x = noise([2, 3, 4], 1)
  const cases: Readonly<
    Record<string, readonly [(x: Value, axes: ReadonlyArray<number>, options?: op.ReduceOptions) => Value, (values: ReadonlyArray<number>) => number]>
  > = {
    reduceMean: [op.reduceMean, (values) => values.reduce((a, b) => a + b, 0) / values.length],
    reduceSum: [op.reduceSum, (values) => values.reduce((a, b) => a + b, 0)],
    reduceMax: [op.reduceMax, (values) => Math.max(...values)],
    reduceL2: [op.reduceL2, (values) => Math.hypot(...values)]
  }
  for (const [name, [build, plain]] of Object.entries(cases)) {
    it(name, async () => {
      for (const axes of [[-1], [0], [1, 2], [0, 1, 2]]) {
        const gone = new Set(axes.map((axis) => (axis + 3) % 3))
        const [kept, without] = await run({ x }, (v) => [build(v.x, axes), build(v.x, axes, { keepDims: false })], { x: ["rows", 3, "width"] })
        const shape = x.shape.map((side, axis) => (gone.has(axis) ? 1 : side))
        const expected = computed(shape, (at) =>
          plain(
            indices(x.shape)
              .filter((index) => index.every((value, axis) => gone.has(axis) || value === at[axis]))
              .map(reader(x))
          )
        )
        expect(kept.dims).toEqual(shape)
        expectClose(kept.data, expected)
        expectClose(without.data, expected)
      }
    })
  }

  it("softmax, also where a mask hides almost everything", async () => {
    const masked = noise([2, 3, 4], 5)
    masked.data.fill(-1e30, 1, 4)
    for (const axis of [-1, 1]) {
      const [{ data }] = await run({ masked }, (v) => op.softmax(v.masked, axis), { masked: ["rows", 3, "cells"] })
      expectClose(
        data,
        computed(masked.shape, (at) => {
          const line = Array.from({ length: masked.shape[(axis + 3) % 3] }, (_, i) => reader(masked)(at.with((axis + 3) % 3, i)))
          const most = Math.max(...line)
          return Math.exp(reader(masked)(at) - most) / line.reduce((total, value) => total + Math.exp(value - most), 0)
        })
      )
    }
  })

  it("cumSum and argMax", async () => {
    const tied = noise([2, 4], 3)
    tied.data.set([1, 9, 9, 2, 5, 5, 5, 5])
    const [sums, places] = await run({ x, tied }, (v) => [op.cumSum(v.x, 1), op.argMax(v.tied, -1)], { tied: ["rows", 4] })
    expectClose(
      sums.data,
      computed(x.shape, ([i, j, k]) => Array.from({ length: j + 1 }, (_, at) => reader(x)([i, at, k])).reduce((a, b) => a + b))
    )
    expect(places.data).toEqual([1, 0])
  })

  it("an axis that is not there is named", async () => {
    await run({ x }, (v) => {
      expect(() => op.reduceSum(v.x, [3])).toThrow("ReduceSum: no axis 3: [2, 3, 4]")
      expect(() => op.softmax(v.x, -4)).toThrow("Softmax: no axis -4: [2, 3, 4]")
      return v.x
    })
  })
})
