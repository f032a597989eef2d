import { Effect, type Scope } from "effect"
import { mkdtemp, open, rm } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SourceUnreadable } from "../core/errors.ts"
import type { SourceLimits } from "./source-limits.ts"

/** A new file in a folder of its own that only its owner reads; the scope removes both. */
export interface TemporaryFile {
  readonly path: string
  /** Writes all the bytes at the end of the file. */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, SourceUnreadable>
  /** Closes the file for writing; it stays until the scope ends. */
  readonly close: Effect.Effect<void>
}

const failed =
  (name: string) =>
  (cause: unknown): SourceUnreadable => {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined
    const why = code === "ENOSPC" || code === "EDQUOT" ? "no room is left on the disk" : cause instanceof Error ? cause.message : String(cause)
    return new SourceUnreadable({ stage: "open", source: name, message: `${name}: a temporary copy could not be written: ${why}` })
  }

const writeAll = async (handle: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten
}

/** Makes a temporary file for the source called `name`. */
export const temporaryFile = Effect.fnUntraced(function* (name: string, limits: SourceLimits): Effect.fn.Return<TemporaryFile, SourceUnreadable, Scope.Scope> {
  const folder = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => mkdtemp(join(limits.temporaryFolder ?? tmpdir(), "sensorium-source-")), catch: failed(name) }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }).catch(() => undefined))
  )
  const path = join(folder, "content")
  let open_ = true
  const handle = yield* Effect.acquireRelease(Effect.tryPromise({ try: () => open(path, "wx", 0o600), catch: failed(name) }), (handle) =>
    Effect.promise(() => (open_ ? handle.close().catch(() => undefined) : Promise.resolve()))
  )
  return {
    path,
    append: (bytes) => Effect.tryPromise({ try: () => writeAll(handle, bytes), catch: failed(name) }),
    close: Effect.promise(() => {
      open_ = false
      return handle.close().catch(() => undefined)
    })
  }
})
