import protobuf from "protobufjs/minimal.js"

type Fields = ReadonlyMap<number, ReadonlyArray<number | Uint8Array>>

/** The fields of one message by number: varints as numbers, everything with a length as bytes. */
const fields = (bytes: Uint8Array): Fields => {
  const reader = protobuf.Reader.create(bytes)
  const found = new Map<number, Array<number | Uint8Array>>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const value = (tag & 7) === 2 ? reader.bytes() : (tag & 7) === 5 ? reader.float() : Number(reader.int64())
    found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), value])
  }
  return found
}

const messages = (of: Fields, field: number): ReadonlyArray<Fields> =>
  (of.get(field) ?? []).map((value) => fields(value instanceof Uint8Array ? value : new Uint8Array()))
const strings = (of: Fields, field: number): ReadonlyArray<string> =>
  (of.get(field) ?? []).map((value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value)))
const numbers = (of: Fields, field: number): ReadonlyArray<number> => (of.get(field) ?? []).map(Number)

/** What a model file says, as far as tests look at it. Field numbers are those of onnx.proto3. */
export const decodeModel = (bytes: Uint8Array) => {
  const model = fields(bytes)
  const [graph] = messages(model, 7)
  return {
    irVersion: numbers(model, 1)[0],
    opsets: messages(model, 8).map((opset) => [strings(opset, 1)[0], numbers(opset, 2)[0]]),
    nodes: messages(graph, 1).map((node) => ({
      op: strings(node, 4)[0],
      domain: strings(node, 7)[0] ?? "",
      inputs: strings(node, 1),
      outputs: strings(node, 2)
    })),
    initializers: messages(graph, 5).map((tensor) => ({
      name: strings(tensor, 8)[0],
      type: numbers(tensor, 2)[0],
      dims: numbers(tensor, 1),
      location: numbers(tensor, 14)[0] ?? 0,
      external: Object.fromEntries(messages(tensor, 13).map((entry) => [strings(entry, 1)[0], strings(entry, 2)[0]]))
    })),
    inputs: messages(graph, 11).map((port) => strings(port, 1)[0]),
    outputs: messages(graph, 12).map((port) => strings(port, 1)[0])
  }
}
