import { execFileSync } from "node:child_process"
import { mkdir, readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { bfloatsToFloats, halvesToFloats } from "../../src/tensor/half.ts"
import { float32, type Tensor } from "../../src/tensor/tensor.ts"
import { safetensorsBytes, temporaryFolder, write } from "./folders.ts"

const TYPES = join(import.meta.dirname, "reference", "types.safetensors")
const Facts = Schema.Record(
  Schema.String,
  Schema.Struct({ shape: Schema.Array(Schema.Int), values: Schema.Array(Schema.Union([Schema.Number, Schema.String])) })
)
const facts = Effect.promise(() => readFile(join(import.meta.dirname, "reference", "types.json"), "utf8")).pipe(
  Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(Facts)))
)

/** A tensor's elements as numbers; int64 as text. */
const numbers = ({ data, dtype }: Tensor): Array<number | string> =>
  data instanceof BigInt64Array
    ? Array.from(data, String)
    : dtype === "float16"
      ? Array.from(halvesToFloats(data))
      : dtype === "bfloat16"
        ? Array.from(bfloatsToFloats(data))
        : Array.from(data)

describe("reading", () => {
  it.effect("every type that the reference wrote, as the reference reads it", () =>
    Effect.gen(function* () {
      const expected = yield* facts
      const file = yield* openSafetensors(TYPES)
      expect(file.metadata).toEqual({ format: "pt" })
      expect([...file.tensors.keys()].sort()).toEqual(Object.keys(expected).sort())
      for (const [name, { shape, values }] of Object.entries(expected)) {
        const tensor = yield* file.read(name)
        expect([name, tensor.shape, numbers(tensor)]).toEqual([name, shape, values])
      }
      for (const name of ["single", "half", "brain", "scalar", "empty"]) expect(Array.from(yield* file.floats(name))).toEqual(expected[name].values)
    }).pipe(Effect.scoped)
  )

  it.effect("rows of the first axis; a tensor of many pieces, at any border", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const rows = 3001
      const halves = Uint16Array.from({ length: rows * 1000 }, (_, i) => (i * 7919) % 0x7c00)
      yield* writeSafetensors(join(folder, "a.safetensors"), { half: { dtype: "float16", shape: [rows, 1000], data: halves } })
      const file = yield* openSafetensors(join(folder, "a.safetensors"))
      const expected = halvesToFloats(halves)
      expect(Buffer.from((yield* file.floats("half")).buffer).equals(Buffer.from(expected.buffer))).toBe(true)
      for (const [from, to] of [
        [0, 1],
        [3000, 3001],
        [524, 1049],
        [7, 7],
        [5, 3],
        [2999, 9999]
      ]) {
        expect(
          Buffer.compare(Buffer.from((yield* file.floats("half", from, to)).buffer), Buffer.from(expected.slice(from * 1000, Math.max(from, to) * 1000).buffer))
        ).toBe(0)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("what cannot be read as singles is named: missing, of another type, not finite", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "a.safetensors")
      yield* writeSafetensors(path, {
        a: float32([2, 2], Float32Array.of(1, 2, 3, NaN)),
        b: float32([1], Float32Array.of(-Infinity)),
        c: { dtype: "int8", shape: [1], data: Int8Array.of(1) }
      })
      const file = yield* openSafetensors(path)
      const errors = yield* Effect.all([
        Effect.flip(file.floats("z")),
        Effect.flip(file.read("z")),
        ...["c", "a", "b"].map((name) => Effect.flip(file.floats(name)))
      ])
      expect(errors.map((error) => error._tag)).toEqual(Array(5).fill("WeightsMismatch"))
      expect(errors.map((error) => (error._tag === "WeightsMismatch" ? [error.tensor, error.found] : []))).toEqual([
        ["z", "missing"],
        ["z", "missing"],
        ["c", "I8"],
        ["a", "not finite at element 3"],
        ["b", "not finite at element 0"]
      ])
      expect(yield* file.floats("a", 0, 1)).toEqual(Float32Array.of(1, 2))
      expect((yield* file.read("a")).data).toEqual(Float32Array.of(1, 2, 3, NaN))
    }).pipe(Effect.scoped)
  )

  it.effect("a type without an array here is listed, and read by nobody", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = yield* write(
        folder,
        "a.safetensors",
        safetensorsBytes({ a: { dtype: "F8_E4M3", shape: [3], data_offsets: [0, 3] }, b: { dtype: "F4", shape: [4], data_offsets: [3, 5] } }, 5)
      )
      const file = yield* openSafetensors(path)
      expect([...file.tensors.values()].map(({ dtype, stored }) => [stored, dtype])).toEqual([
        ["F8_E4M3", undefined],
        ["F4", undefined]
      ])
      expect((yield* Effect.flip(file.read("a"))).message).toContain("F8_E4M3")
    }).pipe(Effect.scoped)
  )
})

describe("broken files", () => {
  const f32 = (from: number, to: number, shape: ReadonlyArray<number> = [(to - from) / 4]) => ({ dtype: "F32", shape, data_offsets: [from, to] })
  const cases: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    empty: [new Uint8Array(0), "0 bytes are too few"],
    "seven bytes": [new Uint8Array(7), "7 bytes are too few"],
    "a text file": [new TextEncoder().encode("this is not a tensor file at all"), "no safetensors header"],
    "a header beyond the file": [safetensorsBytes({}).slice(0, 9), "ends beyond the file of 9"],
    "no JSON": [safetensorsBytes('{"a":'), "no JSON"],
    "a list": [safetensorsBytes("[]"), "no JSON object"],
    "a number": [safetensorsBytes("7"), "no JSON object"],
    "no UTF-8": [Uint8Array.of(...safetensorsBytes('{"a"   }').slice(0, 11), 0xff, 0xff, 0xff, 0xff, 0xff), "no UTF-8"],
    "a name twice": [
      safetensorsBytes('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8),
      "names a twice"
    ],
    "beyond the file": [safetensorsBytes({ a: f32(0, 8) }, 4), "ends at byte"],
    "another size": [safetensorsBytes({ a: f32(0, 8, [3]) }, 8), "12 bytes, but takes 8"],
    "over another": [safetensorsBytes({ a: f32(0, 8), b: f32(4, 12) }, 12), "inside tensor a"],
    "the same bytes": [safetensorsBytes({ a: f32(0, 8), b: f32(0, 8) }, 8), "inside tensor a"],
    "a hole": [safetensorsBytes({ a: f32(0, 4), b: f32(8, 12) }, 12), "4 bytes between tensor a and tensor b"],
    "bytes at the end": [safetensorsBytes({ a: f32(0, 4) }, 6), "its tensors end at"],
    backwards: [safetensorsBytes({ a: f32(4, 0, [1]) }, 4), "ends before it begins"],
    "a negative side": [safetensorsBytes({ a: f32(0, 4, [-1]) }, 4), "no shape"],
    "half a side": [safetensorsBytes({ a: f32(0, 4, [0.5]) }, 4), "no shape"],
    "an absurd size": [safetensorsBytes({ a: f32(0, 4, [2 ** 52, 2 ** 52]) }, 4), "bytes, but takes 4"],
    "no offsets": [safetensorsBytes({ a: { dtype: "F32", shape: [1] } }, 4), "no data_offsets"],
    "no dtype": [safetensorsBytes({ a: { shape: [1], data_offsets: [0, 4] } }, 4), "no dtype"],
    "no object": [safetensorsBytes({ a: 3 }), "no object"],
    "metadata of numbers": [safetensorsBytes({ __metadata__: { a: 1 } }), "is no text"]
  }
  for (const [name, [bytes, message]] of Object.entries(cases)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const path = yield* write(folder, "a.safetensors", bytes)
        const error = yield* Effect.flip(openSafetensors(path))
        expect(error._tag).toBe("CheckpointUnreadable")
        expect(error.path).toBe(path)
        expect(error.message).toContain(message)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("no such file, a folder, a pipe (which nobody writes to)", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      execFileSync("mkfifo", [join(folder, "pipe")])
      const messages = yield* Effect.forEach(["none", ".", "pipe"], (name) =>
        openSafetensors(join(folder, name)).pipe(
          Effect.flip,
          Effect.map(({ message }) => message)
        )
      )
      expect(messages.map((message) => message.split(": ")[1])).toEqual(["no such file", "is a folder, not a file", "is no regular file"])
    }).pipe(Effect.scoped)
  )

  const reference = Effect.promise(() => readFile(TYPES))
  it.effect.prop(
    "bytes changed at random end in a typed error or in tensors, never otherwise",
    [Schema.Array(Schema.Tuple([Schema.Int, Schema.Int]))],
    ([changes]) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const bytes = new Uint8Array(yield* reference)
        for (const [at, value] of [[changes.length * 131, 48 + (changes.length % 10)], ...changes]) bytes[Math.abs(at) % 1000] = value
        const path = yield* write(folder, "a.safetensors", bytes)
        const tag = yield* Effect.scoped(openSafetensors(path)).pipe(
          Effect.match({ onFailure: (error) => error._tag, onSuccess: ({ tensors }) => (tensors.size <= 13 ? "fine" : "more") })
        )
        expect(["CheckpointUnreadable", "fine"]).toContain(tag)
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 300 } }
  )
})

describe("writing", () => {
  it.effect("gives the reference's own bytes", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = yield* openSafetensors(TYPES)
      const tensors: Record<string, Tensor> = {}
      for (const name of [...file.tensors.keys()].reverse()) tensors[name] = yield* file.read(name)
      yield* writeSafetensors(join(folder, "copy.safetensors"), tensors, file.metadata)
      const [copy, original] = yield* Effect.promise(() => Promise.all([readFile(join(folder, "copy.safetensors")), readFile(TYPES)]))
      expect(copy.equals(original)).toBe(true)
      expect(yield* Effect.promise(() => readdir(folder))).toEqual(["copy.safetensors"])
    }).pipe(Effect.scoped)
  )

  it.effect.prop(
    "what is written is read back",
    [Schema.Array(Schema.Tuple([Schema.String, Schema.Array(Schema.Finite)]))],
    ([lists]) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const path = join(folder, "a.safetensors")
        // No name that JSON escapes: after the same keys, V8 13.6's JSON.parse takes the key `\n` for a key `\` that it has seen there before.
        const named = new Map(lists.filter(([name]) => name !== "__metadata__" && JSON.stringify(name) === `"${name}"`))
        // `fromEntries` makes a property even of a name that an assignment would not.
        const tensors = Object.fromEntries(
          [...named].map(([name, values]) => [
            name,
            float32(
              [values.length],
              Float32Array.from(values, (value) => value % 3e38)
            )
          ])
        )
        yield* writeSafetensors(path, tensors, { count: String(named.size) })
        const file = yield* openSafetensors(path)
        expect(file.metadata).toEqual({ count: String(named.size) })
        expect([...file.tensors.keys()].sort()).toEqual([...named.keys()].sort())
        for (const name of named.keys()) expect(yield* file.read(name)).toEqual(tensors[name])
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 200 } }
  )

  it.effect("a place that cannot be written is named, and nothing is left", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const tensors = { a: float32([4]) }
      yield* Effect.promise(() => mkdir(join(folder, "taken", "inside"), { recursive: true }))
      const places = [join(folder, "none", "a.safetensors"), join(folder, "taken"), "/dev/full/a.safetensors"]
      for (const path of places) {
        const error = yield* Effect.flip(writeSafetensors(path, tensors))
        expect(error._tag).toBe("CacheUnwritable")
        expect(error.path).toBe(path)
        expect(error.message).toMatch(/^.* could not be written: .* \(\d+ bytes are needed, \d+ bytes are free\)$/)
      }
      expect(yield* Effect.promise(() => readdir(folder))).toEqual(["taken"])
    }).pipe(Effect.scoped)
  )

  it.live("interrupted halfway, it leaves nothing", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fiber = yield* Effect.forkChild(writeSafetensors(join(folder, "a.safetensors"), { a: float32([1 << 24]) }))
      while ((yield* Effect.promise(() => readdir(folder))).length === 0) yield* Effect.sleep("1 millis")
      yield* Fiber.interrupt(fiber)
      expect(yield* Effect.promise(() => readdir(folder))).toEqual([])
    }).pipe(Effect.scoped)
  )
})
