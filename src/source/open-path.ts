import { Effect } from "effect"
import type { BigIntStats } from "node:fs"
import { constants, type FileHandle, open, stat } from "node:fs/promises"
import { resolve } from "node:path"
import { SourceUnreadable } from "../core/errors.ts"
import { hashText } from "./content-hash.ts"
import { fileName } from "./source-name.ts"

/** A regular file that can be read. */
export interface OpenedPath {
  /** Absolute. */
  readonly path: string
  readonly name: string
  readonly size: number
  /** The first bytes, at most as many as asked for. */
  readonly head: Uint8Array
  readonly contentId: string
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "it may not be read (no permission)",
  EPERM: "it may not be read (no permission)",
  ELOOP: "it is a link that leads back to itself",
  ENAMETOOLONG: "its name is too long",
  EISDIR: "it is a folder",
  ENXIO: "it is a device or a pipe",
  ERR_INVALID_ARG_VALUE: "its name holds a zero byte",
  EMFILE: "too many files are open",
  EIO: "the disk does not give it (input/output error)"
}

/** What a failed call of the file system says, in words. */
export const fileReason = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""
  return reasons[code] ?? (cause instanceof Error ? cause.message : String(cause))
}

const unreadable = (name: string, why: string): SourceUnreadable =>
  new SourceUnreadable({ stage: "open", source: name, message: `${name} cannot be read: ${why}` })

const notRegular = (found: BigIntStats): string | undefined => {
  if (found.isDirectory()) return "it is a folder"
  if (found.isFIFO()) return "it is a pipe; give its content as a byte stream"
  if (found.isSocket()) return "it is a socket"
  if (found.isCharacterDevice() || found.isBlockDevice()) return "it is a device"
  if (!found.isFile()) return "it is no file"
  return found.size === 0n ? "it is empty" : undefined
}

/** Reads up to `bytes` from `from` on. */
export const readAt = async (handle: FileHandle, from: number, bytes: number): Promise<Uint8Array> => {
  const buffer = new Uint8Array(bytes)
  let read = 0
  while (read < bytes) {
    const { bytesRead } = await handle.read(buffer, read, bytes - read, from + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return buffer.subarray(0, read)
}

/** Runs with a regular file open; anything else is refused without waiting for it. The file is closed afterwards. */
export const withFile = <A, E, R>(
  path: string,
  name: string,
  use: (handle: FileHandle, found: BigIntStats) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SourceUnreadable, R> =>
  Effect.gen(function* () {
    const check = (found: BigIntStats) => {
      const why = notRegular(found)
      return why === undefined ? Effect.void : Effect.fail(unreadable(name, why))
    }
    const fails = (cause: unknown) => unreadable(name, fileReason(cause))
    // Opening a pipe waits for a writer, and opening a device may do something: asked first, and opened without waiting.
    yield* Effect.flatMap(Effect.tryPromise({ try: () => stat(path, { bigint: true }), catch: fails }), check)
    return yield* Effect.acquireUseRelease(
      Effect.tryPromise({ try: () => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)), catch: fails }),
      (handle) =>
        Effect.gen(function* () {
          const found = yield* Effect.tryPromise({ try: () => handle.stat({ bigint: true }), catch: fails })
          yield* check(found)
          return yield* use(handle, found)
        }),
      (handle) => Effect.promise(() => handle.close().catch(() => undefined))
    )
  })

/** Reads the first bytes of the file at `path`, whatever its name. Fails with `SourceUnreadable` for folders, devices, pipes, empty files and what is not there. */
export const openPath = (path: string, headBytes: number): Effect.Effect<OpenedPath, SourceUnreadable> => {
  const name = fileName(path)
  if (path === "") return Effect.fail(unreadable('""', "the path is empty"))
  return withFile(path, name, (handle, found) =>
    Effect.map(
      Effect.tryPromise({ try: () => readAt(handle, 0, Math.min(headBytes, Number(found.size))), catch: (cause) => unreadable(name, fileReason(cause)) }),
      (head): OpenedPath => {
        const absolute = resolve(path)
        return {
          path: absolute,
          name,
          size: Number(found.size),
          head,
          contentId: hashText(JSON.stringify([absolute, String(found.size), String(found.mtimeNs)]))
        }
      }
    )
  )
}
