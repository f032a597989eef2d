import { constants } from "node:fs"
import { type FileHandle, open, stat } from "node:fs/promises"
import { Effect, type Scope } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"

/** Most bytes read at once, so that what is done with them never holds up the event loop. */
export const PIECE_BYTES = 1 << 20

/** A regular file, open for reading until its scope closes. */
export interface FileBytes {
  readonly path: string
  readonly size: number
  /** Modification time in nanoseconds since 1970. */
  readonly modified: bigint
  /** Fills `into` with the bytes from `offset` on; at most `PIECE_BYTES` at a time from the disk. */
  readonly fill: (into: Uint8Array, offset: number) => Effect.Effect<void, CheckpointUnreadable>
}

/** Whether a file is there, at the end of all links. */
export const isFile = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    stat(path).then(
      (file) => file.isFile(),
      () => false
    )
  )

/** A file of a checkpoint that cannot be read. */
export const unreadable = (path: string, why: string): CheckpointUnreadable => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${why}` })

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no right to read it",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "links that lead in a circle",
  ENAMETOOLONG: "the name is too long"
}

/** Node's error as a short reason. */
export const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return reasons[code] ?? (error instanceof Error ? error.message : String(error))
}

/** What `promise` gives, or the file as unreadable. */
export const reading = <A>(path: string, promise: () => Promise<A>): Effect.Effect<A, CheckpointUnreadable> =>
  Effect.tryPromise({ try: promise, catch: (error) => unreadable(path, reasonOf(error)) })

const fillFrom = (handle: FileHandle, path: string, into: Uint8Array, offset: number): Effect.Effect<void, CheckpointUnreadable> =>
  Effect.gen(function* () {
    for (let done = 0; done < into.length;) {
      const { bytesRead } = yield* reading(path, () => handle.read(into, done, Math.min(PIECE_BYTES, into.length - done), offset + done))
      if (bytesRead === 0) return yield* unreadable(path, `ends at byte ${offset + done}, ${into.length - done} bytes too early`)
      done += bytesRead
    }
  })

/** Opens a regular file; a folder, a pipe and a device are refused before they are opened. */
export const openBytes = (path: string): Effect.Effect<FileBytes, CheckpointUnreadable, Scope.Scope> =>
  Effect.gen(function* () {
    const before = yield* reading(path, () => stat(path))
    if (!before.isFile()) return yield* unreadable(path, before.isDirectory() ? "is a folder, not a file" : "is no regular file")
    const handle = yield* Effect.acquireRelease(
      // Nonblocking: should a pipe have taken the file's place meanwhile, opening does not wait for a writer.
      reading(path, () => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))),
      (opened) => Effect.promise(() => opened.close().catch(() => {}))
    )
    const { mtimeNs, size } = yield* reading(path, () => handle.stat({ bigint: true }))
    return { path, size: Number(size), modified: mtimeNs, fill: (into, offset) => fillFrom(handle, path, into, offset) } satisfies FileBytes
  })
