import type { DType } from "../../src/tensor/tensor.ts"

// A byte writer for a few fields of onnx.proto, so that these tests need nothing but the backend.

type Field = ReadonlyArray<number>

const varint = (value: number): Array<number> =>
  value < 0
    ? // Negative numbers are ten bytes of two's complement.
      [...Array.from({ length: 9 }, (_, i) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(7 * i)) & 127n) | 128), 1]
    : value < 128
      ? [value]
      : [(value & 127) | 128, ...varint(Math.floor(value / 128))]
const int = (field: number, value: number): Field => [...varint(field << 3), ...varint(value)]
const bytes = (field: number, value: string | ReadonlyArray<number> | Uint8Array): Field => {
  const content = typeof value === "string" ? [...Buffer.from(value)] : [...value]
  return [...varint((field << 3) | 2), ...varint(content.length), ...content]
}

const elementType: Readonly<Record<string, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11
}

/** An input or output. */
export const port = (name: string, dtype: DType | "string" | "int16", shape: ReadonlyArray<number | string>): Field => [
  ...bytes(1, name),
  ...bytes(
    2,
    bytes(1, [
      ...int(1, elementType[dtype]),
      ...bytes(
        2,
        shape.flatMap((side) => bytes(1, typeof side === "number" ? int(1, side) : side === "" ? [] : bytes(2, side)))
      )
    ])
  )
]

/** An attribute that is an integer. */
export const integer = (name: string, value: number): Field => [...bytes(1, name), ...int(3, value), ...int(20, 2)]

/** One operator. */
export const node = (op: string, inputs: ReadonlyArray<string>, outputs: ReadonlyArray<string>, attributes: ReadonlyArray<Field> = [], domain = ""): Field => [
  ...inputs.flatMap((name) => bytes(1, name)),
  ...outputs.flatMap((name) => bytes(2, name)),
  ...bytes(4, op),
  ...attributes.flatMap((attribute) => bytes(5, attribute)),
  ...(domain === "" ? [] : bytes(7, domain))
]

/** A constant whose bytes stand in the model. */
export const constant = (name: string, dtype: DType, shape: ReadonlyArray<number>, raw: Uint8Array): Field => [
  ...shape.flatMap((side) => int(1, side)),
  ...int(2, elementType[dtype]),
  ...bytes(8, name),
  ...bytes(9, raw)
]

/** A constant whose bytes stand in a file beside the model. */
export const externalConstant = (name: string, dtype: DType, shape: ReadonlyArray<number>, location: string, offset: number, length: number): Field => [
  ...shape.flatMap((side) => int(1, side)),
  ...int(2, elementType[dtype]),
  ...bytes(8, name),
  ...Object.entries({ location, offset, length }).flatMap(([key, value]) => bytes(13, [...bytes(1, key), ...bytes(2, String(value))])),
  ...int(14, 1)
]

/** A model of the given nodes, opset 24. */
export const model = (graph: {
  readonly nodes: ReadonlyArray<Field>
  readonly inputs: ReadonlyArray<Field>
  readonly outputs: ReadonlyArray<Field>
  readonly constants?: ReadonlyArray<Field>
}): Uint8Array =>
  Uint8Array.from([
    ...int(1, 10),
    ...bytes(7, [
      ...graph.nodes.flatMap((each) => bytes(1, each)),
      ...bytes(2, "g"),
      ...(graph.constants ?? []).flatMap((each) => bytes(5, each)),
      ...graph.inputs.flatMap((each) => bytes(11, each)),
      ...graph.outputs.flatMap((each) => bytes(12, each))
    ]),
    ...bytes(8, int(2, 24)),
    ...bytes(8, [...bytes(1, "com.microsoft"), ...int(2, 1)])
  ])

/** A model [side, side] `x` to `y` of so many products, one after another: it runs for as long as is asked, and can be stopped between any two. */
export const slowModel = (side: number, nodes: number): Uint8Array =>
  model({
    nodes: Array.from({ length: nodes }, (_, i) => node("MatMul", [i === 0 ? "x" : `t${i - 1}`, "x"], [i === nodes - 1 ? "y" : `t${i}`])),
    inputs: [port("x", "float32", [side, side])],
    outputs: [port("y", "float32", [side, side])]
  })
