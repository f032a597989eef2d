import type { DType } from "../tensor/tensor.ts"

/** The types of the safetensors format that have an array here, and what they are called in `DType`. */
export const dtypeOf: Readonly<Record<string, DType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  F64: "float64",
  I64: "int64",
  I32: "int32",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool"
}

/** The other way round. */
export const safetensorsTypeOf: Readonly<Record<DType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int64: "I64",
  int32: "I32",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL"
}

/** Bytes of one element of every type whose size is known, also of those that are only listed, never read. */
export const storedBytes: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1
}

const ORDER: ReadonlyArray<DType> = ["int64", "float64", "float32", "int32", "bfloat16", "float16", "int8", "uint8", "bool"]

/** Where a type stands in a file that the reference implementation writes: wide types first, so that each tensor stands at a multiple of its element. */
export const placeOf = (dtype: DType): number => ORDER.indexOf(dtype)
