import { Predicate } from "effect"
import type { DType } from "../tensor/tensor.ts"
import { dtypeOf, storedBytes } from "./safetensors-type.ts"

/** One tensor of a safetensors file. */
export interface TensorEntry {
  readonly name: string
  /** The type as the file names it: F32, BF16, F8_E4M3, ... */
  readonly stored: string
  /** The same as a `DType`; undefined for a type that has no array here, which can be listed and not read. */
  readonly dtype: DType | undefined
  readonly shape: ReadonlyArray<number>
  /** First byte in the file, counted from its start. */
  readonly offset: number
  /** Length in bytes. */
  readonly bytes: number
}

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>
  readonly metadata: Readonly<Record<string, string>>
}

/** Longest header read, in bytes: the bound of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** The first key that stands twice in the outermost object of `json`, which is known to parse. `JSON.parse` keeps the last and says nothing. */
export const duplicateKey = (json: string): string | undefined => {
  const seen = new Set<string>()
  let depth = 0
  // At depth 1 a string is a key where an object or a comma has just begun.
  let expectsKey = false
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '"') {
      const start = i
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++
      if (depth !== 1 || !expectsKey) continue
      expectsKey = false
      const key = String(JSON.parse(json.slice(start, i + 1)))
      if (seen.has(key)) return key
      seen.add(key)
    } else if (character === "{" || character === "[") {
      depth++
      expectsKey = depth === 1
    } else if (character === "}" || character === "]") {
      depth--
    } else if (character === "," && depth === 1) {
      expectsKey = true
    }
  }
  return undefined
}

/** A tensor's entry, or what is wrong with it. `data` is where the tensors' bytes begin, `size` the length of the file. */
const entryOf = (name: string, value: unknown, data: number, size: number): TensorEntry | string => {
  if (!Predicate.isObject(value)) return `tensor ${name} is described by no object`
  const { data_offsets: offsets, dtype: stored, shape } = value
  if (typeof stored !== "string") return `tensor ${name} has no dtype`
  if (!Array.isArray(shape) || !shape.every(isSize)) return `tensor ${name} has no shape of whole numbers`
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) return `tensor ${name} has no data_offsets`
  const [from, to] = offsets
  if (from > to) return `tensor ${name} ends before it begins (${from} to ${to})`
  if (data + to > size) return `tensor ${name} ends at byte ${data + to} of a file of ${size}`
  const each = storedBytes[stored]
  const elements = shape.reduce((product: number, side) => product * side, 1)
  if (each !== undefined && elements * each !== to - from) {
    return `tensor ${name} is ${stored} [${shape.join(", ")}], ${elements * each} bytes, but takes ${to - from}`
  }
  return { name, stored, dtype: dtypeOf[stored], shape, offset: data + from, bytes: to - from }
}

/**
 * Reads a header: its JSON text, the byte at which tensors begin, the length of the file. What is wrong comes back as text:
 * no JSON, a name twice, a tensor beyond the file, of another size than its shape, over another, or a hole between two
 * (the reference implementation refuses holes as well).
 */
export const parseHeader = (json: string, data: number, size: number): SafetensorsHeader | string => {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (error) {
    return `the header is no JSON (${error instanceof Error ? error.message : String(error)})`
  }
  if (!Predicate.isObject(parsed)) return "the header is no JSON object"
  const twice = duplicateKey(json)
  if (twice !== undefined) return `the header names ${twice} twice`
  const tensors = new Map<string, TensorEntry>()
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") {
      if (!Predicate.isObject(value)) return "__metadata__ is no object"
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== "string") return `__metadata__ of ${key} is no text`
        metadata[key] = text
      }
      continue
    }
    const entry = entryOf(name, value, data, size)
    if (typeof entry === "string") return entry
    tensors.set(name, entry)
  }
  let end = data
  let before = "the header"
  for (const entry of [...tensors.values()].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (entry.offset < end) return `tensor ${entry.name} begins at byte ${entry.offset}, inside ${before}, which ends at ${end}`
    if (entry.offset > end) return `${entry.offset - end} bytes between ${before} and tensor ${entry.name} belong to nothing`
    end = entry.offset + entry.bytes
    before = `tensor ${entry.name}`
  }
  if (end !== size) return `the file is ${size} bytes long, its tensors end at ${end}`
  return { tensors, metadata }
}
