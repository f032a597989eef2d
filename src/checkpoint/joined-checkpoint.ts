import { createHash } from "node:crypto"
import { basename, dirname, join } from "node:path"
import { Effect } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"
import type { Checkpoint } from "./checkpoint.ts"
import { isFile } from "./file-bytes.ts"

/**
 * The folder of a second checkpoint that the first one's settings name (`openai/clip-vit-large-patch14`): of its last path component, inside the first one's folder or
 * beside it. Fails with `CheckpointUnreadable` where it is in neither. `field`: what names it, for the message.
 */
export const siblingFolder = ({ folder }: Checkpoint, name: string, field: string): Effect.Effect<string, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const last = basename(name)
    const places = [join(folder, last), join(dirname(folder), last)]
    if (/^\.*$/.test(last))
      return yield* new CheckpointUnreadable({ stage: "load", path: folder, message: `${folder}: ${field} is ${JSON.stringify(name)}, which names no folder` })
    for (const place of places) {
      if (yield* isFile(join(place, "config.json"))) return place
    }
    return yield* new CheckpointUnreadable({
      stage: "load",
      path: places[1],
      message: `${folder}: ${field} names the checkpoint ${JSON.stringify(name)}; it is neither at ${places[0]} nor at ${places[1]}`
    })
  })

/**
 * Two checkpoints as one. Tensors of the second whose names `takes` are found under `prefix` and their names; settings are the first one's. The identity is that of
 * both, settings included.
 */
export const joinCheckpoints = (first: Checkpoint, second: Checkpoint, prefix: string, takes: (name: string) => boolean): Effect.Effect<Checkpoint> =>
  Effect.gen(function* () {
    const taken = new Map([...second.tensors].flatMap(([name, entry]) => (takes(name) ? [[prefix + name, entry] as const] : [])))
    const readRows: Checkpoint["readRows"] = (name, from, to) =>
      taken.has(name) ? second.readRows(name.slice(prefix.length), from, to) : first.readRows(name, from, to)
    return {
      ...first,
      readRows,
      tensors: new Map([...first.tensors, ...taken]),
      read: (name) => (taken.has(name) ? second.read(name.slice(prefix.length)) : first.read(name)),
      contentId: yield* Effect.cached(
        Effect.map(Effect.all([first.contentId, second.contentId]), (both) => createHash("sha256").update(both.join("\n")).digest("hex"))
      )
    }
  })
