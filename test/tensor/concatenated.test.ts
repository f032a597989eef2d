import { expect, it } from "vitest"
import { concatenated } from "../../src/tensor/concatenated.ts"

it("arrays stand one after the other; none gives none, one is given back", () => {
  expect(concatenated([Float32Array.of(1, 2), new Float32Array(0), Float32Array.of(3)])).toEqual(Float32Array.of(1, 2, 3))
  expect(concatenated([])).toEqual(new Float32Array(0))
  const one = Float32Array.of(4)
  expect(concatenated([one])).toBe(one)
})
