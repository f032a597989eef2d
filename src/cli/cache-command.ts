import { Effect } from "effect"
import { Command } from "effect/cli"
import { type CacheEntry, ModelCache } from "../cache/model-cache.ts"
import { loadFlags } from "./flags.ts"
import { jsonFlag } from "./root-command.ts"
import { writeLine, writeObject } from "./standard-output.ts"
import { bytes, textTable } from "./text-table.ts"

const folderFlag = { cacheDir: loadFlags.cacheDir }
const layerOf = ({ cacheDir }: Partial<{ readonly cacheDir: string }>) => ModelCache.layer(cacheDir === undefined ? {} : { folder: cacheDir })

const total = (entries: ReadonlyArray<CacheEntry>): string =>
  `${entries.length} ${entries.length === 1 ? "model" : "models"}, ${bytes(entries.reduce((sum, entry) => sum + entry.bytes, 0))}`

const list = Command.make("ls", folderFlag, ({ cacheDir }) =>
  Effect.gen(function* () {
    const { json } = yield* jsonFlag
    const cache = yield* ModelCache
    const entries = yield* cache.list
    if (json) return yield* Effect.forEach(entries, writeObject, { discard: true })
    const rows = entries.map((entry) => [
      entry.label,
      bytes(entry.bytes),
      entry.lastUsed.toISOString().slice(0, 16).replace("T", " "),
      entry.inUse ? "in use" : "",
      entry.folder
    ])
    if (rows.length > 0) yield* writeLine(`${textTable([["model", "size", "last used (UTC)", "", "folder"], ...rows])}\n`)
    yield* writeLine(`${total(entries)} of at most ${bytes(cache.maxBytes)} in ${cache.folder}`)
  }).pipe(Effect.provide(layerOf(cacheDir)))
).pipe(Command.withDescription("List the compiled models that are kept"))

const clear = Command.make("clear", folderFlag, ({ cacheDir }) =>
  Effect.gen(function* () {
    const { json } = yield* jsonFlag
    const { kept, removed } = yield* (yield* ModelCache).clear
    if (json) return yield* writeObject({ removed, kept })
    yield* writeLine(`removed ${total(removed)}${kept.length === 0 ? "" : `; kept ${total(kept)}, in use`}`)
  }).pipe(Effect.provide(layerOf(cacheDir)))
).pipe(Command.withDescription("Remove every compiled model that is not in use"))

/** `sensorium cache ls | clear` */
export const cacheCommand = Command.make("cache").pipe(Command.withDescription("The compiled models that are kept"), Command.withSubcommands([list, clear]))
