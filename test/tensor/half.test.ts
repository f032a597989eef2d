import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { bfloatsToFloats, floatsToBfloats, floatsToHalves, floatToHalf, halfToFloat, halvesToFloats } from "../../src/tensor/half.ts"

const ALL = Uint16Array.from({ length: 1 << 16 }, (_, i) => i)

/** IEEE 754 binary16 by its definition. */
const defined = (half: number): number => {
  const sign = half >> 15 === 1 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const isNaNHalf = (half: number): boolean => (half & 0x7fff) > 0x7c00

/** The single next to a positive finite one. */
const next = (value: number, by: 1 | -1): number => {
  const word = new Uint32Array(Float32Array.of(value).buffer)
  word[0] += by
  return new Float32Array(word.buffer)[0]
}

describe("halves", () => {
  it("every half widens to the number that IEEE 754 defines", () => {
    const wrong = [...ALL].filter((half) => !Object.is(halfToFloat(half), defined(half)))
    expect(wrong).toEqual([])
  })

  it("every half survives the way to single and back; NaN stays NaN", () => {
    const wrong = [...ALL].filter((half) => {
      const back = floatToHalf(halfToFloat(half))
      return isNaNHalf(half) ? !isNaNHalf(back) : back !== half
    })
    expect(wrong).toEqual([])
  })

  it("between any two neighbours: the middle goes to the even one, what is beside it to the nearer one", () => {
    const wrong: Array<number> = []
    for (let low = 0; low < 0x7c00; low++) {
      // Above the largest half the next one would be 65536, which is infinity.
      const middle = (defined(low) + (low === 0x7bff ? 65536 : defined(low + 1))) / 2
      const even = low % 2 === 0 ? low : low + 1
      const cases = [
        [middle, even],
        [next(middle, -1), low],
        [next(middle, 1), low + 1]
      ] as const
      for (const [value, expected] of cases) {
        if (floatToHalf(value) !== expected || floatToHalf(-value) !== (expected | 0x8000)) wrong.push(value)
      }
    }
    expect(wrong).toEqual([])
  })

  it("infinities, NaN, both zeros and what is too large or too small", () => {
    expect([Infinity, -Infinity, 65519.996, 65520, 3e38, -3e38].map(floatToHalf)).toEqual([0x7c00, 0xfc00, 0x7bff, 0x7c00, 0x7c00, 0xfc00])
    expect([0, -0, 1e-45, 2 ** -25, -(2 ** -24)].map(floatToHalf)).toEqual([0, 0x8000, 0, 0, 0x8001])
    expect(isNaNHalf(floatToHalf(NaN))).toBe(true)
  })

  it("whole arrays are the same, one by one", () => {
    const floats = halvesToFloats(ALL)
    expect(floats.findIndex((value, i) => !Object.is(value, defined(i)))).toBe(-1)
    expect(floatsToHalves(floats.subarray(100, 31_000))).toEqual(ALL.subarray(100, 31_000))
  })

  it.prop(
    "no other half is nearer to a number than the one it is narrowed to",
    [Schema.Finite],
    ([value]) => {
      const single = Math.fround(value % 70_000)
      const half = floatToHalf(single)
      const distance = Math.abs(single - (Math.abs(single) >= 65520 ? Math.sign(single) * Infinity : halfToFloat(half)))
      if (distance === Infinity) return expect(half & 0x7fff).toBe(0x7c00)
      for (const other of [half - 1, half + 1]) {
        if (other >= 0 && other < 1 << 16 && Number.isFinite(halfToFloat(other))) expect(distance).toBeLessThanOrEqual(Math.abs(single - halfToFloat(other)))
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("bfloat16", () => {
  it("every one is the upper half of a single, and survives the way there and back", () => {
    const floats = bfloatsToFloats(ALL)
    const words = new Uint32Array(floats.buffer)
    expect(words.findIndex((word, i) => word !== i * 65536)).toBe(-1)
    const back = floatsToBfloats(floats)
    const isNaNBfloat = (bits: number) => (bits & 0x7fff) > 0x7f80
    expect([...ALL].filter((bits) => (isNaNBfloat(bits) ? !isNaNBfloat(back[bits]) : back[bits] !== bits))).toEqual([])
  })

  it("rounds to the nearest, the middle to the even one", () => {
    const wrong: Array<number> = []
    for (let upper = 0; upper < 0x7f80; upper++) {
      const words = Uint32Array.of((upper << 16) | 0x7fff, (upper << 16) | 0x8000, (upper << 16) | 0x8001)
      const [below, middle, above] = floatsToBfloats(new Float32Array(words.buffer))
      if (below !== upper || middle !== upper + (upper % 2) || above !== upper + 1) wrong.push(upper)
    }
    expect(wrong).toEqual([])
  })
})
