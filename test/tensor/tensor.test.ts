import { describe, expect, it } from "@effect/vitest"
import { bytesOf, float32, int32, int64, sizeOf } from "../../src/tensor/tensor.ts"

describe("tensor", () => {
  it("a shape's size is the product of its sides; a scalar has one element, a side of 0 none", () => {
    expect([[], [3], [2, 3, 4], [5, 0, 2]].map(sizeOf)).toEqual([1, 3, 24, 0])
  })

  it("constructors keep the data they are given, and fill with zeros where there is none", () => {
    const data = Float32Array.of(1, 2)
    expect(float32([2], data)).toEqual({ dtype: "float32", shape: [2], data })
    expect(float32([2], data).data).toBe(data)
    expect(float32([2, 2])).toEqual({ dtype: "float32", shape: [2, 2], data: new Float32Array(4) })
    expect(int64([3], [1, -2, 2 ** 53 - 1])).toEqual({ dtype: "int64", shape: [3], data: BigInt64Array.of(1n, -2n, 9007199254740991n) })
    expect(int32([1], Int32Array.of(-7))).toEqual({ dtype: "int32", shape: [1], data: Int32Array.of(-7) })
  })

  it("bytes of an element are those of the array that holds it", () => {
    const arrays = {
      float32: Float32Array,
      float16: Uint16Array,
      bfloat16: Uint16Array,
      float64: Float64Array,
      int64: BigInt64Array,
      int32: Int32Array,
      int8: Int8Array,
      uint8: Uint8Array,
      bool: Uint8Array
    }
    expect(bytesOf).toEqual(Object.fromEntries(Object.entries(arrays).map(([dtype, { BYTES_PER_ELEMENT }]) => [dtype, BYTES_PER_ELEMENT])))
  })
})
