import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { computed, expectClose, noise, reader, run } from "../run-graph.ts"

const x = noise([2, 3, 8], 1, -3, 3)
const weight = noise([8], 2)
const bias = noise([8], 3)
const line = ([i, j]: ReadonlyArray<number>) => Array.from({ length: 8 }, (_, k) => reader(x)([i, j, k]))
const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

describe("norms over the last axis", () => {
  for (const epsilon of [1e-6, 1e-5, 0.5]) {
    it(`rmsNorm, epsilon ${epsilon}`, async () => {
      const [{ data }] = await run({ x, weight }, (v) => op.rmsNorm(v.x, v.weight, epsilon), { x: ["steps", "rows", 8] })
      expectClose(
        data,
        computed(x.shape, (at) => (reader(x)(at) / Math.sqrt(mean(line(at).map((value) => value * value)) + epsilon)) * weight.data[at[2]])
      )
    })

    it(`layerNorm, epsilon ${epsilon}`, async () => {
      const [whole, plain] = await run(
        { x, weight, bias },
        (v) => [op.layerNorm(v.x, v.weight, v.bias, epsilon), op.layerNorm(v.x, v.weight, undefined, epsilon)],
        { x: ["steps", "rows", 8] }
      )
      const expected = computed(x.shape, (at) => {
        const middle = mean(line(at))
        return ((reader(x)(at) - middle) / Math.sqrt(mean(line(at).map((value) => (value - middle) ** 2)) + epsilon)) * weight.data[at[2]]
      })
      expectClose(plain.data, expected)
      expectClose(
        whole.data,
        expected.map((value, i) => value + bias.data[i % 8])
      )
    })
  }

  it("a weight of another width is named", async () => {
    await run({ x, w: noise([7], 1) }, (v) => {
      expect(() => op.rmsNorm(v.x, v.w, 1e-6)).toThrow("RMSNormalization: the weight does not fit the last axis: [2, 3, 8] and [7]")
      expect(() => op.layerNorm(v.x, v.w, v.w, 1e-6)).toThrow("LayerNormalization: the weight does not fit the last axis: [2, 3, 8] and [7]")
      return v.x
    })
  })
})
