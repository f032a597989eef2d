import { Effect, type Scope } from "effect"
import { type CheckpointUnreadable, WeightsMismatch } from "../core/errors.ts"
import { halfToFloat } from "../tensor/half.ts"
import { bytesOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts"
import { type FileBytes, openBytes, unreadable } from "./file-bytes.ts"
import { MAX_HEADER_BYTES, parseHeader, type TensorEntry } from "./safetensors-header.ts"

/** A safetensors file, open until its scope closes. */
export interface SafetensorsFile {
  readonly path: string
  readonly size: number
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>
  /** A tensor as it is stored. `WeightsMismatch`: there is none of that name, or its type has no array here. */
  readonly read: (name: string) => Effect.Effect<Tensor, CheckpointUnreadable | WeightsMismatch>
  /**
   * Rows `from`..`to` of the first axis (all of them by default) as singles, F16 and BF16 widened exactly; a scalar is one row. Memory: the result and a
   * piece of half a MB. `WeightsMismatch`: as above, another type, a value that is not finite (an array that holds masks, say, is read by `read`).
   */
  readonly floats: (name: string, from?: number, to?: number) => Effect.Effect<Float32Array, CheckpointUnreadable | WeightsMismatch>
}

const mismatch = (tensor: string, found: string, expected: string): WeightsMismatch =>
  new WeightsMismatch({ stage: "load", tensor, found, expected, message: `tensor ${tensor} is ${found}, expected ${expected}` })

const over = (dtype: DType, shape: ReadonlyArray<number>, buffer: ArrayBuffer): Tensor => {
  switch (dtype) {
    case "float32":
      return { dtype, shape, data: new Float32Array(buffer) }
    case "float16":
      return { dtype, shape, data: new Uint16Array(buffer) }
    case "bfloat16":
      return { dtype, shape, data: new Uint16Array(buffer) }
    case "float64":
      return { dtype, shape, data: new Float64Array(buffer) }
    case "int64":
      return { dtype, shape, data: new BigInt64Array(buffer) }
    case "int32":
      return { dtype, shape, data: new Int32Array(buffer) }
    case "int8":
      return { dtype, shape, data: new Int8Array(buffer) }
    case "uint8":
      return { dtype, shape, data: new Uint8Array(buffer) }
    case "bool":
      return { dtype, shape, data: new Uint8Array(buffer) }
  }
}

/** Elements widened in one task of the event loop: half a millisecond. */
const WIDENED = 1 << 17

/** Widens `count` elements of `piece` to `out`, from `at` on. The first place that holds no finite number, or -1. */
const widen = (dtype: "float32" | "float16" | "bfloat16", piece: ArrayBuffer, count: number, out: Float32Array, at: number): number => {
  if (dtype === "float16") {
    const halves = new Uint16Array(piece)
    for (let i = 0; i < count; i++) out[at + i] = halfToFloat(halves[i])
  } else if (dtype === "bfloat16") {
    const bfloats = new Uint16Array(piece)
    const words = new Uint32Array(out.buffer)
    for (let i = 0; i < count; i++) words[at + i] = bfloats[i] << 16
  } else {
    out.set(new Float32Array(piece, 0, count), at)
  }
  // `value - value` is 0 for every finite number, and NaN for the others.
  for (let i = at; i < at + count; i++) if (out[i] - out[i] !== 0) return i
  return -1
}

const headerOf = (file: FileBytes) =>
  Effect.gen(function* () {
    if (file.size < 8) return yield* unreadable(file.path, `${file.size} bytes are too few for a safetensors file`)
    const prefix = new DataView(new ArrayBuffer(8))
    yield* file.fill(new Uint8Array(prefix.buffer), 0)
    const length = Number(prefix.getBigUint64(0, true))
    if (length > MAX_HEADER_BYTES) return yield* unreadable(file.path, `a header of ${length} bytes is no safetensors header (at most ${MAX_HEADER_BYTES})`)
    if (8 + length > file.size) return yield* unreadable(file.path, `its header of ${length} bytes ends beyond the file of ${file.size}`)
    const bytes = new Uint8Array(length)
    yield* file.fill(bytes, 8)
    const json = yield* Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: () => unreadable(file.path, "its header is no UTF-8")
    })
    const header = parseHeader(json, 8 + length, file.size)
    return typeof header === "string" ? yield* unreadable(file.path, header) : header
  })

/** Opens a safetensors file and checks its header. */
export const openSafetensors = (path: string): Effect.Effect<SafetensorsFile, CheckpointUnreadable, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* openBytes(path)
    const { metadata, tensors } = yield* headerOf(file)
    const find = (name: string) => {
      const entry = tensors.get(name)
      return entry === undefined ? Effect.fail(mismatch(name, "missing", `a tensor of ${path}`)) : Effect.succeed(entry)
    }
    const read: SafetensorsFile["read"] = (name) =>
      Effect.gen(function* () {
        const entry = yield* find(name)
        if (entry.dtype === undefined) return yield* mismatch(name, entry.stored, "a type that can be read")
        const buffer = new ArrayBuffer(entry.bytes)
        yield* file.fill(new Uint8Array(buffer), entry.offset)
        return over(entry.dtype, entry.shape, buffer)
      })
    const floats: SafetensorsFile["floats"] = (name, from = 0, to) =>
      Effect.gen(function* () {
        const { dtype, offset, shape, stored } = yield* find(name)
        if (dtype !== "float32" && dtype !== "float16" && dtype !== "bfloat16") return yield* mismatch(name, stored, "F32, F16 or BF16")
        const rows = shape[0] ?? 1
        const [first, last] = [Math.max(0, from), Math.min(rows, to ?? rows)]
        const row = sizeOf(shape.slice(1))
        const out = new Float32Array(Math.max(0, last - first) * row)
        const each = bytesOf[dtype]
        const start = offset + first * row * each
        // One piece for all, so that nothing is left to collect.
        const piece = new ArrayBuffer(Math.min(WIDENED, out.length) * each)
        for (let done = 0; done < out.length; done += WIDENED) {
          const count = Math.min(WIDENED, out.length - done)
          yield* file.fill(new Uint8Array(piece, 0, count * each), start + done * each)
          const bad = widen(dtype, piece, count, out, done)
          if (bad !== -1) return yield* mismatch(name, `not finite at element ${first * row + bad}`, "finite numbers")
        }
        return out
      })
    return { path, size: file.size, tensors, metadata, read, floats } satisfies SafetensorsFile
  })
