import protobuf from "protobufjs/minimal.js"
import { type Message, onnxSchema } from "./onnx-schema.ts"

type Writer = ReturnType<typeof protobuf.Writer.create>
type FieldType = string | readonly [string]

// Seen as one kind of thing: this file walks whatever the schema says; `Message` has checked that the value fits it.
const messages: Readonly<Record<string, Readonly<Record<string, readonly [number, FieldType]>>>> = onnxSchema

/** Wire types of protobuf. */
const [VARINT, DELIMITED, FIXED32] = [0, 2, 5]

const writeOne = (writer: Writer, id: number, type: string, value: unknown): void => {
  if (typeof value === "number") {
    if (type === "float") writer.uint32((id << 3) | FIXED32).float(value)
    else if (type === "int64") writer.uint32((id << 3) | VARINT).int64(value)
    else writer.uint32((id << 3) | VARINT).int32(value)
  } else if (typeof value === "string") {
    writer.uint32((id << 3) | DELIMITED).string(value)
  } else if (value instanceof Uint8Array) {
    writer.uint32((id << 3) | DELIMITED).bytes(value)
  } else if (typeof value === "object" && value !== null) {
    writeFields(writer.uint32((id << 3) | DELIMITED).fork(), type, value)
    writer.ldelim()
  }
}

const writeFields = (writer: Writer, name: string, value: object): void => {
  const entries: ReadonlyArray<readonly [string, unknown]> = Object.entries(value)
  for (const [key, content] of entries) {
    if (content === undefined) continue
    const [id, type] = messages[name][key]
    if (typeof type === "string") writeOne(writer, id, type, content)
    else if (Array.isArray(content)) for (const each of content) writeOne(writer, id, type[0], each)
  }
}

/** A model as the bytes of its protobuf. */
export const encodeModel = (model: Message<"Model">): Uint8Array => {
  const writer = protobuf.Writer.create()
  writeFields(writer, "Model", model)
  return writer.finish()
}
