import { describe, expect, it } from "vitest"
import { realFourier } from "../../../modalities/audio/fourier.ts"

describe("realFourier", () => {
  it.each([1, 2, 3, 4, 5, 7, 8, 12, 25, 49, 98, 121, 200, 400, 512, 401, 1001])("%i points equal the sum that defines it", (n) => {
    const input = Float64Array.from({ length: n }, (_, j) => Math.sin(j * j * 0.7) + 0.3 * Math.cos(j))
    const fourier = realFourier(n)
    const re = new Float64Array(fourier.frequencies)
    const im = new Float64Array(fourier.frequencies)
    for (let again = 0; again < 2; again++) fourier.transform(input, re, im)
    expect(fourier.frequencies).toBe(Math.floor(n / 2) + 1)
    for (let k = 0; k < fourier.frequencies; k++) {
      let sumRe = 0,
        sumIm = 0
      for (let j = 0; j < n; j++) {
        sumRe += input[j] * Math.cos((2 * Math.PI * ((j * k) % n)) / n)
        sumIm -= input[j] * Math.sin((2 * Math.PI * ((j * k) % n)) / n)
      }
      expect(Math.abs(re[k] - sumRe)).toBeLessThan(1e-10)
      expect(Math.abs(im[k] - sumIm)).toBeLessThan(1e-10)
    }
  })
})
