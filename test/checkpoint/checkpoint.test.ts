import { createHash } from "node:crypto"
import { cp, mkdir, readdir, readFile, readlink, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type CheckpointOptions, openCheckpoint } from "../../src/checkpoint/checkpoint.ts"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { float32 } from "../../src/tensor/tensor.ts"
import { safetensorsBytes, temporaryFolder, write } from "./folders.ts"

const REFERENCE = join(import.meta.dirname, "reference")
const SHARDED = join(REFERENCE, "sharded")
const Facts = Schema.Record(Schema.String, Schema.Struct({ shape: Schema.Array(Schema.Int), sum: Schema.Number, first: Schema.Number, last: Schema.Number }))

/** A copy of the sharded checkpoint. */
const copied = temporaryFolder.pipe(Effect.tap((folder) => Effect.promise(() => cp(SHARDED, folder, { recursive: true }))))

const changeIndex = (folder: string, change: (map: Record<string, unknown>) => void) =>
  Effect.promise(async () => {
    const path = join(folder, "model.safetensors.index.json")
    const index: unknown = JSON.parse(await readFile(path, "utf8"))
    if (typeof index !== "object" || index === null || !("weight_map" in index)) throw new Error("no index")
    const map = { ...Object(index.weight_map) }
    change(map)
    await writeFile(path, JSON.stringify({ ...index, weight_map: map }))
  })

const openError = (folder: string) => Effect.scoped(openCheckpoint(folder)).pipe(Effect.flip)

describe("a checkpoint that transformers saved in shards", () => {
  it.effect("has every tensor that the reference has, with its numbers", () =>
    Effect.gen(function* () {
      const facts = yield* Effect.promise(() => readFile(join(REFERENCE, "sharded.json"), "utf8")).pipe(
        Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(Facts)))
      )
      const checkpoint = yield* openCheckpoint(SHARDED)
      expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(facts).sort())
      expect(checkpoint.config.model_type).toBe("llama")
      for (const [name, { first, last, shape, sum }] of Object.entries(facts)) {
        expect(checkpoint.tensors.get(name)?.shape).toEqual(shape)
        const values = yield* checkpoint.read(name)
        expect([values[0], values[values.length - 1], values.length]).toEqual([first, last, shape.reduce((a, b) => a * b)])
        expect(values.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 10)
      }
      const [rows, width] = facts["model.embed_tokens.weight"].shape
      const whole = yield* checkpoint.read("model.embed_tokens.weight")
      expect(yield* checkpoint.readRows("model.embed_tokens.weight", rows - 3, rows)).toEqual(whole.slice(-3 * width))
    }).pipe(Effect.scoped)
  )

  it.effect("gives the other files of its folder, and nothing beyond it", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      yield* write(folder, "chat_template.jinja", "{{ é }}")
      yield* write(folder, "broken.json", "{")
      yield* write(folder, "list.json", "[1]")
      yield* write(folder, "latin.txt", Uint8Array.of(0x61, 0xe9))
      const checkpoint = yield* openCheckpoint(folder)
      expect(yield* checkpoint.text("chat_template.jinja")).toBe("{{ é }}")
      expect(yield* checkpoint.text("merges.txt")).toBeUndefined()
      expect(yield* checkpoint.json("preprocessor_config.json")).toBeUndefined()
      expect(yield* checkpoint.json("generation_config.json")).toMatchObject({ eos_token_id: 2 })
      for (const name of ["broken.json", "list.json"]) expect((yield* Effect.flip(checkpoint.json(name))).message).toMatch(/is no JSON/)
      expect((yield* Effect.flip(checkpoint.text("latin.txt"))).message).toContain("no UTF-8")
      for (const name of ["../x", "/etc/passwd", "a/../../x", "C:\\x", "a\0b"])
        expect((yield* Effect.flip(checkpoint.text(name))).message).toContain("leaves the checkpoint's folder")
      expect((yield* Effect.flip(checkpoint.read("none"))).message).toContain("tensor none is missing")
    }).pipe(Effect.scoped)
  )

  it.effect("may be a folder of links, as the Hub's own cache is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const names = yield* Effect.promise(() => readdir(SHARDED))
      yield* Effect.promise(() => Promise.all(names.map((name) => symlink(join(SHARDED, name), join(folder, name)))))
      expect((yield* openCheckpoint(folder)).tensors.size).toBe(21)
    }).pipe(Effect.scoped)
  )
})

describe("one file", () => {
  it.effect("is read, and goes before an index", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      yield* writeSafetensors(join(folder, "model.safetensors"), { only: float32([2], Float32Array.of(1, 2)) })
      const checkpoint = yield* openCheckpoint(folder)
      expect([...checkpoint.tensors.keys()]).toEqual(["only"])
      expect(yield* checkpoint.read("only")).toEqual(Float32Array.of(1, 2))
    }).pipe(Effect.scoped)
  )
})

describe("what is refused", () => {
  it.effect("no folder, a file, no config, no weights", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      expect((yield* openError(join(folder, "none"))).message).toContain("no such file")
      expect((yield* openError(join(SHARDED, "config.json"))).message).toContain("no folder")
      expect((yield* openError(folder)).path).toBe(join(folder, "config.json"))
      yield* write(folder, "config.json", "{}")
      const error = yield* openError(folder)
      expect([error._tag, error.path, error.stage]).toEqual(["CheckpointUnreadable", join(folder, "model.safetensors"), "load"])
    }).pipe(Effect.scoped)
  )

  for (const text of ["", "{", "[]", "null", '"text"', "7"]) {
    it.effect(`config.json of ${JSON.stringify(text)}`, () =>
      Effect.gen(function* () {
        const folder = yield* copied
        yield* write(folder, "config.json", text)
        const error = yield* openError(folder)
        expect(error.path).toBe(join(folder, "config.json"))
        expect(error.message).toMatch(/is no JSON/)
      }).pipe(Effect.scoped)
    )
  }

  for (const file of ["../model-00001-of-00005.safetensors", "/etc/passwd", "sub/../../x.safetensors", "..", "C:\\x.safetensors", "..\\x.safetensors"]) {
    it.effect(`an index with ${file}`, () =>
      Effect.gen(function* () {
        const folder = yield* copied
        yield* changeIndex(folder, (map) => {
          map["model.norm.weight"] = file
        })
        const error = yield* openError(folder)
        expect(error._tag).toBe("CheckpointUnreadable")
        expect(error.message).toContain(`${JSON.stringify(file)}, the file of tensor model.norm.weight, leaves the checkpoint's folder`)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("an index that names no file, a file that is not there, a tensor that is not in its file, or nothing", () =>
    Effect.gen(function* () {
      const messages = yield* Effect.forEach(
        [
          (map: Record<string, unknown>) => {
            map["model.norm.weight"] = 3
          },
          (map: Record<string, unknown>) => {
            map["model.norm.weight"] = "model-9.safetensors"
          },
          (map: Record<string, unknown>) => {
            map.extra = "model-00001-of-00005.safetensors"
          },
          (map: Record<string, unknown>) => {
            for (const name of Object.keys(map)) delete map[name]
          }
        ],
        (change) =>
          Effect.scoped(
            copied.pipe(
              Effect.tap((folder) => changeIndex(folder, change)),
              Effect.flatMap(openError),
              Effect.map(({ message }) => message)
            )
          )
      )
      expect(messages[0]).toContain("names no file for tensor model.norm.weight")
      expect(messages[1]).toContain("model-9.safetensors: no such file")
      expect(messages[2]).toContain("holds no tensor extra")
      expect(messages[3]).toContain("weight_map is empty")
    }).pipe(Effect.scoped)
  )

  it.effect("a tensor in two shards, where the index does not say which counts", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* write(folder, "config.json", "{}")
      yield* writeSafetensors(join(folder, "a.safetensors"), { x: float32([1], Float32Array.of(1)), both: float32([1], Float32Array.of(1)) })
      yield* writeSafetensors(join(folder, "b.safetensors"), { y: float32([1], Float32Array.of(2)), both: float32([1], Float32Array.of(2)) })
      yield* write(folder, "model.safetensors.index.json", JSON.stringify({ weight_map: { x: "a.safetensors", y: "b.safetensors" } }))
      expect((yield* openError(folder)).message).toContain("tensor both stands in another shard as well")
      yield* write(folder, "model.safetensors.index.json", JSON.stringify({ weight_map: { x: "a.safetensors", y: "b.safetensors", both: "b.safetensors" } }))
      expect(yield* (yield* openCheckpoint(folder)).read("both")).toEqual(Float32Array.of(2))
    }).pipe(Effect.scoped)
  )

  it.effect("a shard cut short", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const path = join(folder, "model-00003-of-00005.safetensors")
      yield* Effect.promise(async () => writeFile(path, (await readFile(path)).subarray(0, -1)))
      expect((yield* openError(folder)).path).toBe(path)
    }).pipe(Effect.scoped)
  )

  it.effect("a file that is cut short while it is open", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const checkpoint = yield* openCheckpoint(folder)
      for (const name of yield* Effect.promise(() => readdir(folder)))
        if (name.endsWith(".safetensors")) yield* Effect.promise(() => writeFile(join(folder, name), ""))
      expect((yield* Effect.flip(checkpoint.read("lm_head.weight"))).message).toMatch(/ends at byte/)
    }).pipe(Effect.scoped)
  )

  it.effect("leaves no file open, and closes them all with the scope", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const open = Effect.promise(async () => {
        const paths = await Promise.all((await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))
        return paths.filter((path) => path.startsWith(folder)).length
      })
      yield* Effect.scoped(
        openCheckpoint(folder).pipe(
          Effect.andThen(open),
          Effect.tap((count) => Effect.sync(() => expect(count).toBe(5)))
        )
      )
      expect(yield* open).toBe(0)
      yield* write(folder, "model-00005-of-00005.safetensors", safetensorsBytes("{"))
      yield* openError(folder)
      expect(yield* open).toBe(0)
    }).pipe(Effect.scoped)
  )
})

describe("content id", () => {
  const idOf = (folder: string, options: CheckpointOptions = {}) =>
    Effect.scoped(openCheckpoint(folder, options).pipe(Effect.flatMap(({ contentId }) => contentId)))

  it.effect("is SHA-256 over names and hashes: the same for a copy elsewhere, another after any change", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const id = yield* idOf(folder)
      const sha = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex")
      const names = (yield* Effect.promise(() => readdir(folder))).sort()
      const lines = yield* Effect.forEach(names, (name) => Effect.promise(async () => `${sha(await readFile(join(folder, name)))} ${name}\n`))
      expect(id).toBe(sha(lines.join("")))
      expect(yield* idOf(SHARDED)).toBe(id)
      yield* write(folder, "README.md", "not part of it")
      expect(yield* idOf(folder)).toBe(id)
      yield* write(folder, "preprocessor_config.json", "{}")
      const other = yield* idOf(folder)
      expect(other).not.toBe(id)
      yield* Effect.promise(() => unlink(join(folder, "preprocessor_config.json")))
      const path = join(folder, "model-00002-of-00005.safetensors")
      const bytes = yield* Effect.promise(() => readFile(path))
      bytes[bytes.length - 1] ^= 1
      yield* write(folder, "model-00002-of-00005.safetensors", bytes)
      expect([id, other]).not.toContain(yield* idOf(folder))
    }).pipe(Effect.scoped)
  )

  it.effect("remembers hashes by path, length and modification time, and hashes anew when one of them changes", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const hashes = join(yield* temporaryFolder, "deep", "hashes")
      const old = new Date(Date.now() - 3_600_000)
      const settle = Effect.promise(async () => {
        for (const name of await readdir(folder)) await utimes(join(folder, name), old, old)
      })
      yield* settle
      const id = yield* idOf(folder, { hashes })
      const notes = yield* Effect.promise(() => readdir(hashes))
      expect(notes).toHaveLength(8)
      // The same length and time: the remembered hash is believed, though the content is another one.
      const path = join(folder, "model-00002-of-00005.safetensors")
      const bytes = yield* Effect.promise(() => readFile(path))
      bytes[bytes.length - 1] ^= 1
      yield* write(folder, "model-00002-of-00005.safetensors", bytes)
      yield* settle
      expect(yield* idOf(folder, { hashes })).toBe(id)
      yield* Effect.promise(() => utimes(path, old, new Date(old.getTime() + 1)))
      expect(yield* idOf(folder, { hashes })).not.toBe(id)
      // A broken memory is no answer.
      for (const note of notes) yield* write(hashes, note, "short")
      bytes[bytes.length - 1] ^= 1
      yield* write(folder, "model-00002-of-00005.safetensors", bytes)
      yield* settle
      expect(yield* idOf(folder, { hashes })).toBe(id)
    }).pipe(Effect.scoped)
  )

  it.effect("does not remember a file that changed just now, and needs no memory that can be written", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const hashes = yield* temporaryFolder
      const now = new Date()
      yield* Effect.promise(async () => {
        for (const name of await readdir(folder)) await utimes(join(folder, name), now, now)
      })
      const id = yield* idOf(folder, { hashes })
      expect(yield* Effect.promise(() => readdir(hashes))).toEqual([])
      expect(yield* idOf(folder, { hashes: join(SHARDED, "config.json") })).toBe(id)
      expect(yield* idOf(folder, { hashes: "/proc/none" })).toBe(id)
    }).pipe(Effect.scoped)
  )

  it.effect("of a large file leaves the event loop its turns", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* write(folder, "config.json", "{}")
      yield* writeSafetensors(join(folder, "model.safetensors"), { a: float32([1 << 22]) })
      let turns = 0
      const timer = setInterval(() => {
        turns++
      }, 0)
      yield* idOf(folder)
      clearInterval(timer)
      // Sixteen pieces of 1 MB, each read off the loop.
      expect(turns).toBeGreaterThan(3)
    }).pipe(Effect.scoped)
  )
})

describe("a renamed folder", () => {
  it.effect("is still read from the files that were opened", () =>
    Effect.gen(function* () {
      const folder = yield* copied
      const checkpoint = yield* openCheckpoint(folder)
      const file = yield* openSafetensors(join(folder, "model-00001-of-00005.safetensors"))
      const [name] = file.tensors.keys()
      const before = yield* checkpoint.read(name)
      yield* Effect.promise(async () => {
        await mkdir(`${folder}-other`, { recursive: true })
        await rename(folder, join(`${folder}-other`, "x"))
      })
      expect(yield* checkpoint.read(name)).toEqual(before)
      yield* Effect.promise(() => rm(`${folder}-other`, { recursive: true }))
    }).pipe(Effect.scoped)
  )
})
