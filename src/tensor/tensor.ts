/** Element types that checkpoints store and graphs take. `bfloat16` is only ever read from files; graphs never see it. */
export type DType = "float32" | "float16" | "bfloat16" | "float64" | "int64" | "int32" | "int8" | "uint8" | "bool"

/** The array that holds each element type in memory. Half floats are their bit patterns. */
export interface ArrayOf {
  readonly float32: Float32Array
  readonly float16: Uint16Array
  readonly bfloat16: Uint16Array
  readonly float64: Float64Array
  readonly int64: BigInt64Array
  readonly int32: Int32Array
  readonly int8: Int8Array
  readonly uint8: Uint8Array
  readonly bool: Uint8Array
}

/** Any array that backs a tensor. */
export type TensorData = ArrayOf[DType]

/** A dense tensor in host memory, row-major. An empty shape is a scalar. */
export type Tensor = {
  readonly [D in DType]: { readonly dtype: D; readonly shape: ReadonlyArray<number>; readonly data: ArrayOf[D] }
}[DType]

/** Bytes of one element. */
export const bytesOf: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
  bool: 1
}

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: ReadonlyArray<number>): number => shape.reduce((product, side) => product * side, 1)

/** A float32 tensor over `data`, which is not copied. */
export const float32 = (shape: ReadonlyArray<number>, data: Float32Array = new Float32Array(sizeOf(shape))): Tensor => ({ dtype: "float32", shape, data })

/** An int64 tensor of the given numbers. */
export const int64 = (shape: ReadonlyArray<number>, values: ArrayLike<number>): Tensor => ({
  dtype: "int64",
  shape,
  data: BigInt64Array.from(Array.from(values), BigInt)
})

/** An int32 tensor over `data`, which is not copied. */
export const int32 = (shape: ReadonlyArray<number>, data: Int32Array): Tensor => ({ dtype: "int32", shape, data })
