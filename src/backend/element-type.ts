import type { DType } from "../tensor/tensor.ts"

/** The number of each element type in ONNX (`TensorProto.DataType`, and `ONNXTensorElementDataType` of ONNX Runtime's C API). */
export const elementTypeOf: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16
}

const dtypes: ReadonlyMap<number, DType> = new Map([
  [1, "float32"],
  [2, "uint8"],
  [3, "int8"],
  [6, "int32"],
  [7, "int64"],
  [9, "bool"],
  [10, "float16"],
  [11, "float64"]
])

/** The element type of an ONNX number; undefined for one that no graph here has (strings, 16-bit integers, bfloat16). */
export const dtypeOf = (elementType: number): DType | undefined => dtypes.get(elementType)
