/**
 * The part of onnx.proto3 (ONNX 1.19, IR version 11) that graphs here are made of: for each message its fields by number and type. A field that stands in
 * square brackets is repeated. Data, so that nothing is generated or evaluated at run time.
 */
export const onnxSchema = {
  Model: { irVersion: [1, "int64"], producerName: [2, "string"], producerVersion: [3, "string"], graph: [7, "Graph"], opsetImport: [8, ["OperatorSet"]] },
  OperatorSet: { domain: [1, "string"], version: [2, "int64"] },
  Graph: { node: [1, ["Node"]], name: [2, "string"], initializer: [5, ["Tensor"]], input: [11, ["ValueInfo"]], output: [12, ["ValueInfo"]] },
  Node: { input: [1, ["string"]], output: [2, ["string"]], name: [3, "string"], opType: [4, "string"], attribute: [5, ["Attribute"]], domain: [7, "string"] },
  Attribute: {
    name: [1, "string"],
    f: [2, "float"],
    i: [3, "int64"],
    s: [4, "string"],
    g: [6, "Graph"],
    floats: [7, ["float"]],
    ints: [8, ["int64"]],
    type: [20, "int32"]
  },
  Tensor: {
    dims: [1, ["int64"]],
    dataType: [2, "int32"],
    name: [8, "string"],
    rawData: [9, "bytes"],
    externalData: [13, ["StringEntry"]],
    dataLocation: [14, "int32"]
  },
  StringEntry: { key: [1, "string"], value: [2, "string"] },
  ValueInfo: { name: [1, "string"], type: [2, "Type"] },
  Type: { tensorType: [1, "TensorType"] },
  TensorType: { elemType: [1, "int32"], shape: [2, "TensorShape"] },
  TensorShape: { dim: [1, ["Dimension"]] },
  Dimension: { dimValue: [1, "int64"], dimParam: [2, "string"] }
} as const

type Schema = typeof onnxSchema
type Field<T> = T extends readonly [infer One]
  ? ReadonlyArray<Field<One>>
  : T extends keyof Schema
    ? Message<T>
    : T extends "string"
      ? string
      : T extends "bytes"
        ? Uint8Array
        : number

/** A message of the schema as a plain object; every field may be left out. */
export type Message<Name extends keyof Schema> = {
  readonly [Key in keyof Schema[Name]]?: Schema[Name][Key] extends readonly [number, infer T] ? Field<T> : never
}

/** `TensorProto.DataType`. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, bfloat16: 16 } as const

/** `AttributeProto.AttributeType`. */
export const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, floats: 6, ints: 7 } as const

/** `TensorProto.DataLocation`: bytes in a file beside the model. */
export const EXTERNAL = 1
