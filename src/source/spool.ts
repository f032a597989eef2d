import { Effect, type Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import { LimitExceeded, SourceUnreadable } from "../core/errors.ts"
import { updateHash } from "./content-hash.ts"
import type { SourceLimits } from "./source-limits.ts"
import { byteCount } from "./source-name.ts"
import { type TemporaryFile, temporaryFile } from "./temporary-file.ts"

/** A byte stream read to its end: in memory when it was small, else in a temporary file. */
export interface Spooled {
  readonly size: number
  /** SHA-256, hexadecimal. */
  readonly hash: string
  readonly content: { readonly _tag: "Memory"; readonly bytes: Uint8Array } | { readonly _tag: "File"; readonly path: string }
}

/** Says that a source is larger than may be read. */
export const tooManyBytes = (name: string, needed: number, allowed: number): LimitExceeded =>
  new LimitExceeded({
    stage: "open",
    source: name,
    limit: "bytes",
    needed,
    allowed,
    message: `${name} has at least ${byteCount(needed)}; at most ${byteCount(allowed)} are read`
  })

const join = (pieces: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** Reads a byte stream to its end, one piece at a time, and hashes it. The scope owns the temporary file. */
export const spool = Effect.fnUntraced(function* <R>(
  name: string,
  bytes: Stream.Stream<Uint8Array, SourceUnreadable | LimitExceeded, R>,
  limits: SourceLimits
): Effect.fn.Return<Spooled, SourceUnreadable | LimitExceeded, R | Scope.Scope> {
  const hash = createHash("sha256")
  let size = 0
  let pieces: Array<Uint8Array> = []
  let file: TemporaryFile | undefined
  const take = Effect.fnUntraced(function* (piece: Uint8Array): Effect.fn.Return<void, SourceUnreadable | LimitExceeded, Scope.Scope> {
    if (!(piece instanceof Uint8Array)) {
      return yield* new SourceUnreadable({
        stage: "open",
        source: name,
        message: `${name} gave ${typeof piece === "string" ? "text" : "values"} instead of bytes (Uint8Array)`
      })
    }
    size += piece.length
    if (size > limits.maxBytes) return yield* tooManyBytes(name, size, limits.maxBytes)
    yield* updateHash(hash, piece)
    if (file === undefined && size <= limits.spoolInMemory) {
      // A copy: who made the stream may use its buffer again.
      pieces.push(new Uint8Array(piece))
      return
    }
    if (file === undefined) {
      file = yield* temporaryFile(name, limits)
      for (const kept of pieces) yield* file.append(kept)
      pieces = []
    }
    yield* file.append(piece)
  })
  yield* Stream.runForEach(
    Stream.timeoutOrElse(bytes, {
      duration: limits.idleMs,
      orElse: () =>
        Stream.fail(
          new SourceUnreadable({ stage: "open", source: name, message: `${name} gave nothing for ${limits.idleMs / 1000} seconds, after ${byteCount(size)}` })
        )
    }),
    take
  )
  if (file !== undefined) yield* file.close
  return { size, hash: hash.digest("hex"), content: file === undefined ? { _tag: "Memory", bytes: join(pieces, size) } : { _tag: "File", path: file.path } }
})
