import { readdir, stat } from "node:fs/promises"
import { isAbsolute, join, normalize, resolve } from "node:path"
import { Effect, Predicate, type Scope } from "effect"
import { type CheckpointUnreadable, WeightsMismatch } from "../core/errors.ts"
import { contentIdOf } from "./content-id.ts"
import { isFile, openBytes, reading, unreadable } from "./file-bytes.ts"
import { openSafetensors, type SafetensorsFile } from "./safetensors-file.ts"
import type { TensorEntry } from "./safetensors-header.ts"

export type { TensorEntry } from "./safetensors-header.ts"

/** A JSON object whose fields are not checked yet. */
export type JsonRecord = Readonly<Record<string, unknown>>

/** A Hugging Face checkpoint folder: config.json, safetensors in one file or in shards, and what else lies beside them. */
export interface Checkpoint {
  /** Absolute path. */
  readonly folder: string
  /** config.json */
  readonly config: JsonRecord
  /** Every tensor of every weight file, by name. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** A JSON file of the folder (preprocessor_config.json, ...); undefined where there is none. */
  readonly json: (name: string) => Effect.Effect<JsonRecord | undefined, CheckpointUnreadable>
  /** A text file of the folder (chat_template.jinja, ...); undefined where there is none. */
  readonly text: (name: string) => Effect.Effect<string | undefined, CheckpointUnreadable>
  /** A tensor as singles: F32, or F16 and BF16 widened. `WeightsMismatch`: missing, of another type, or with a value that is not finite. */
  readonly read: (name: string) => Effect.Effect<Float32Array, CheckpointUnreadable | WeightsMismatch>
  /** The same for rows `from`..`to` of the first axis. */
  readonly readRows: (name: string, from: number, to: number) => Effect.Effect<Float32Array, CheckpointUnreadable | WeightsMismatch>
  /** SHA-256 over the contents of the weight files and of every .json, .jinja and .txt of the folder: 64 hexadecimal digits. Computed once. */
  readonly contentId: Effect.Effect<string, CheckpointUnreadable>
}

/** How a checkpoint is opened. */
export interface CheckpointOptions {
  /** A folder that remembers hashes of files by path, length and modification time. Default: none, files are hashed anew. */
  readonly hashes?: string
  /**
   * Whether weight files must be there (default). "optional": headers of those that are there, and no tensors where there are none. False: only the settings are read,
   * and there are no tensors.
   */
  readonly weights?: boolean | "optional"
}

/** Longest JSON or text file read, in bytes. */
const MAX_TEXT_BYTES = 1 << 28

const leaves = (name: string): boolean => isAbsolute(name) || /^[A-Za-z]:|[\\\0]/.test(name) || normalize(name).split("/").includes("..")

/** The text of a file inside `folder`; undefined where there is none of that name. */
const readText = (folder: string, name: string): Effect.Effect<string | undefined, CheckpointUnreadable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const path = join(folder, name)
      if (leaves(name)) return yield* unreadable(path, `${name} leaves the checkpoint's folder`)
      const exists = yield* Effect.promise(() =>
        stat(path).then(
          () => true,
          (error: NodeJS.ErrnoException) => error.code !== "ENOENT"
        )
      )
      if (!exists) return undefined
      const file = yield* openBytes(path)
      if (file.size > MAX_TEXT_BYTES) return yield* unreadable(path, `is ${file.size} bytes long, more than the ${MAX_TEXT_BYTES} that are read of a text file`)
      const bytes = new Uint8Array(file.size)
      yield* file.fill(bytes, 0)
      return yield* Effect.try({ try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes), catch: () => unreadable(path, "is no UTF-8 text") })
    })
  )

const readJson = (folder: string, name: string): Effect.Effect<JsonRecord | undefined, CheckpointUnreadable> =>
  readText(folder, name).pipe(
    Effect.flatMap((text) => {
      if (text === undefined) return Effect.succeed(undefined)
      return Effect.try({
        try: (): unknown => JSON.parse(text),
        catch: (error) => unreadable(join(folder, name), `is no JSON (${error instanceof Error ? error.message : String(error)})`)
      }).pipe(
        Effect.flatMap((json) =>
          Predicate.isObject(json) && !Array.isArray(json)
            ? Effect.succeed<JsonRecord>({ ...json })
            : Effect.fail(unreadable(join(folder, name), "is no JSON object"))
        )
      )
    })
  )

const ONE_FILE = "model.safetensors"
const INDEX = "model.safetensors.index.json"

/** Weight files, and in which of them an index says that a tensor stands. */
interface WeightFiles {
  readonly files: ReadonlyArray<string>
  readonly map: ReadonlyMap<string, string>
}

const noFiles: WeightFiles = { files: [], map: new Map() }

/** The weight files of a folder. One file goes before an index, as in transformers. `optional`: those that are there. */
const weightFiles = (folder: string, names: ReadonlyArray<string>, optional: boolean): Effect.Effect<WeightFiles, CheckpointUnreadable> =>
  Effect.gen(function* () {
    if (names.includes(ONE_FILE)) return { files: [ONE_FILE], map: new Map<string, string>() }
    const path = join(folder, INDEX)
    const index = yield* readJson(folder, INDEX)
    if (index === undefined && optional) return noFiles
    if (index === undefined) return yield* unreadable(join(folder, ONE_FILE), `no such file, and no ${INDEX} beside it`)
    if (!Predicate.isObject(index.weight_map)) return yield* unreadable(path, "has no weight_map")
    const map = new Map<string, string>()
    for (const [tensor, file] of Object.entries(index.weight_map)) {
      if (typeof file !== "string" || file === "") return yield* unreadable(path, `names no file for tensor ${tensor}`)
      if (leaves(file)) return yield* unreadable(path, `${JSON.stringify(file)}, the file of tensor ${tensor}, leaves the checkpoint's folder`)
      map.set(tensor, normalize(file))
    }
    if (map.size === 0) return yield* unreadable(path, "its weight_map is empty")
    const files = [...new Set(map.values())].sort()
    if (!optional) return { files, map }
    const there = yield* Effect.filter(files, (file) => isFile(join(folder, file)))
    return { files: there, map: new Map([...map].filter(([, file]) => there.includes(file))) }
  })

/**
 * Opens a checkpoint: reads config.json and the headers of its weight files, which stay open until the scope closes. Fails with
 * `CheckpointUnreadable` on a missing or broken file, a header that does not fit its file, an index that leaves the folder or disagrees with its shards.
 */
export const openCheckpoint = (path: string, options: CheckpointOptions = {}): Effect.Effect<Checkpoint, CheckpointUnreadable, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = resolve(path)
    const names = yield* reading(folder, () => readdir(folder))
    const config = yield* readJson(folder, "config.json")
    if (config === undefined) return yield* unreadable(join(folder, "config.json"), "no such file")
    const { weights = true } = options
    const { files, map } = weights === false ? noFiles : yield* weightFiles(folder, names, weights === "optional")
    const tensors = new Map<string, TensorEntry>()
    const owners = new Map<string, SafetensorsFile>()
    for (const file of files) {
      const shard = yield* openSafetensors(join(folder, file))
      for (const [name, entry] of shard.tensors) {
        const claimed = map.get(name)
        if (claimed !== undefined && claimed !== file) continue
        if (owners.has(name)) return yield* unreadable(shard.path, `tensor ${name} stands in another shard as well, and the index does not say which counts`)
        tensors.set(name, entry)
        owners.set(name, shard)
      }
    }
    for (const [name, file] of map) {
      if (!owners.has(name)) return yield* unreadable(join(folder, file), `holds no tensor ${name}, though ${INDEX} says so`)
    }
    const readRows = (name: string, from: number, to?: number) => {
      const file = owners.get(name)
      return file === undefined
        ? Effect.fail(
            new WeightsMismatch({
              stage: "load",
              tensor: name,
              found: "missing",
              expected: "a tensor of the checkpoint",
              message: `tensor ${name} is missing in ${folder}`
            })
          )
        : file.floats(name, from, to)
    }
    return {
      folder,
      config,
      tensors,
      readRows,
      json: (name) => readJson(folder, name),
      text: (name) => readText(folder, name),
      read: (name) => readRows(name, 0),
      contentId: yield* Effect.cached(
        contentIdOf(folder, [...new Set([...files, ...names.filter((name) => /\.(json|jinja|txt)$/.test(name))])], options.hashes)
      )
    } satisfies Checkpoint
  })
