import { createHash, randomUUID } from "node:crypto"
import { readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import type { CheckpointUnreadable } from "../core/errors.ts"
import { makeFolder } from "../core/writing.ts"
import { type FileBytes, openBytes, PIECE_BYTES } from "./file-bytes.ts"

/** A file that changed this short a time ago may change again within one tick of its clock: its hash is not remembered. */
const SETTLED_NANOSECONDS = 2_000_000_000n

/** SHA-256 of a file's bytes, 64 hexadecimal digits, hashed in pieces between which the event loop runs. */
const hashBytes = (file: FileBytes): Effect.Effect<string, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const hash = createHash("sha256")
    const piece = new Uint8Array(Math.min(PIECE_BYTES, file.size))
    for (let done = 0; done < file.size;) {
      const part = piece.subarray(0, Math.min(piece.length, file.size - done))
      yield* file.fill(part, done)
      hash.update(part)
      done += part.length
    }
    return hash.digest("hex")
  })

/** Where the hash of a file of this path, length and modification time is remembered. */
const memoryOf = (folder: string, { modified, path, size }: FileBytes): string =>
  join(folder, createHash("sha256").update(`${path}\0${size}\0${modified}`).digest("hex"))

/**
 * SHA-256 of a file. With `memory`, a folder, it is looked up there by path, length and modification time first and kept there afterwards; a memory that
 * cannot be read or written only costs time.
 */
export const hashFile = (path: string, memory?: string): Effect.Effect<string, CheckpointUnreadable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* openBytes(path)
      if (memory === undefined) return yield* hashBytes(file)
      const note = memoryOf(memory, file)
      const known = yield* Effect.promise(() => readFile(note, "utf8").catch(() => ""))
      if (/^[0-9a-f]{64}$/.test(known)) return known
      const hash = yield* hashBytes(file)
      if (BigInt(Date.now()) * 1_000_000n - file.modified > SETTLED_NANOSECONDS) {
        const temporary = `${note}.${randomUUID()}.part`
        yield* Effect.promise(() =>
          makeFolder(memory)
            .then(() => writeFile(temporary, hash))
            .then(() => rename(temporary, note))
            .catch(() => rm(temporary, { force: true }).catch(() => {}))
        )
      }
      return hash
    })
  )

/** One identity for a set of files: SHA-256 over their names (sorted) and hashes. `folder` is not part of it: a copy elsewhere has the same. */
export const contentIdOf = (folder: string, names: ReadonlyArray<string>, memory?: string): Effect.Effect<string, CheckpointUnreadable> =>
  Effect.forEach([...names].sort(), (name) => hashFile(join(folder, name), memory).pipe(Effect.map((hash) => `${hash} ${name}\n`))).pipe(
    Effect.map((lines) => createHash("sha256").update(lines.join("")).digest("hex"))
  )
