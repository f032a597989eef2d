import { Effect } from "effect"
import { createHash, type Hash } from "node:crypto"
import { setImmediate } from "node:timers/promises"

/** Bytes hashed before the event loop gets its turn: about a millisecond. */
const slice = 512 * 1024

/** Feeds bytes to a hash in slices, the event loop's other work between them. */
export const updateHash = Effect.fnUntraced(function* (hash: Hash, bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += slice) {
    if (at > 0) yield* Effect.promise(() => setImmediate())
    hash.update(bytes.subarray(at, at + slice))
  }
})

/** SHA-256 of bytes, as hexadecimal letters. */
export const hashBytes = Effect.fnUntraced(function* (bytes: Uint8Array) {
  const hash = createHash("sha256")
  yield* updateHash(hash, bytes)
  return hash.digest("hex")
})

/** SHA-256 of a short text, as hexadecimal letters. */
export const hashText = (text: string): string => createHash("sha256").update(text).digest("hex")
