import { readFile, readdir } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"

const Part = Schema.Union([Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }), Schema.Struct({ type: Schema.String, path: Schema.String })])

const CaseFile = Schema.Struct({
  reference: Schema.String,
  messages: Schema.Array(
    Schema.Struct({
      role: Schema.Literals(["system", "user", "assistant"]),
      content: Schema.Union([Schema.String, Schema.Array(Part)])
    })
  ),
  options: Schema.Record(Schema.String, Schema.Unknown),
  prompt: Schema.String,
  text: Schema.String
})

/** One case of a golden folder: what is asked. What the reference answers lies beside it, in `<name>.safetensors`. */
export interface GoldenCase {
  readonly name: string
  readonly folder: string
  readonly asked: typeof CaseFile.Type
}

/** A golden folder: its checkpoint, its cases in order of their names, and the tables beside them. */
export interface GoldenFolder {
  readonly folder: string
  readonly checkpoint: string
  readonly cases: ReadonlyArray<GoldenCase>
  readonly tables: Readonly<Record<string, unknown>>
}

const unreadable = (path: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${why}` })

const attempt = <A>(path: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (error) => unreadable(path, error instanceof Error ? error.message : String(error)) })

const json = (path: string) =>
  Effect.flatMap(
    attempt(path, () => readFile(path, "utf8")),
    (text) => Effect.try({ try: (): unknown => JSON.parse(text), catch: () => unreadable(path, "is not JSON") })
  )

/** Reads a golden folder's cases. Fails with `CheckpointUnreadable` that names the file. */
export const readGoldenFolder = (folder: string): Effect.Effect<GoldenFolder, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const files = yield* attempt(folder, () => readdir(folder))
    const checkpoint = files.includes("checkpoint.path")
      ? join(folder, (yield* attempt(join(folder, "checkpoint.path"), () => readFile(join(folder, "checkpoint.path"), "utf8"))).trim())
      : join(folder, "checkpoint")
    const casesFolder = join(folder, "cases")
    const names = (yield* attempt(casesFolder, () => readdir(casesFolder)))
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -5))
      .sort()
    if (names.length === 0) return yield* unreadable(casesFolder, "holds no case")
    const cases = yield* Effect.forEach(names, (name) =>
      Effect.gen(function* () {
        const path = join(casesFolder, `${name}.json`)
        const asked = yield* Schema.decodeUnknownEffect(CaseFile)(yield* json(path)).pipe(Effect.mapError((error) => unreadable(path, error.message)))
        return { name, folder, asked }
      })
    )
    const tables: Record<string, unknown> = {}
    for (const name of ["slicing.json", "positions.json"]) if (files.includes(name)) tables[name] = yield* json(join(folder, name))
    return { folder, checkpoint, cases, tables }
  })
