import { Effect } from "effect"
import { setImmediate } from "node:timers/promises"
import { type LimitExceeded, SourceUnreadable } from "../core/errors.ts"
import type { SourceLimits } from "./source-limits.ts"
import { tooManyBytes } from "./spool.ts"

/** The bytes of a `data:` address (RFC 2397), in base64 or with percent signs. */
export const readDataAddress = (address: string, limits: SourceLimits): Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded> =>
  Effect.suspend((): Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded> => {
    const name = "data: address"
    const comma = address.indexOf(",")
    if (comma < 0) return Effect.fail(new SourceUnreadable({ stage: "open", source: name, message: `${name}: there is no comma after the media type` }))
    const base64 = /;\s*base64\s*$/i.test(address.slice(0, comma).slice(-32))
    const needed = base64 ? Math.floor((address.length - comma - 1) / 4) * 3 : address.length - comma - 1
    if (needed > limits.maxBytesInMemory) return Effect.fail(tooManyBytes(name, needed, limits.maxBytesInMemory))
    const body = address.slice(comma + 1)
    if (!base64) return Effect.succeed(percentDecode(body))
    return Effect.flatMap(base64Decode(body.includes("%") ? new TextDecoder("latin1").decode(percentDecode(body)) : body), (bytes) =>
      bytes.length === 0 && body !== ""
        ? Effect.fail(new SourceUnreadable({ stage: "open", source: name, message: `${name}: what follows the comma is not base64` }))
        : Effect.succeed(bytes)
    )
  })

/** Letters decoded before the event loop gets its turn; a multiple of four, which make three bytes. */
const slice = 1 << 20

/** Base64 as bytes, in slices; white space and other letters, which would shift the slices, make it one piece. */
const base64Decode = Effect.fnUntraced(function* (text: string) {
  const bytes = new Uint8Array(Math.ceil(text.length / 4) * 3)
  let size = 0
  for (let at = 0; at < text.length; at += slice) {
    if (at > 0) yield* Effect.promise(() => setImmediate())
    const piece = text.slice(at, at + slice)
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(piece)) return new Uint8Array(Buffer.from(text, "base64"))
    const decoded = Buffer.from(piece, "base64")
    bytes.set(decoded, size)
    size += decoded.length
  }
  return bytes.subarray(0, size)
})

/** Text as bytes, `%41` as 65; a percent sign without two digits stands for itself. */
const percentDecode = (text: string): Uint8Array => {
  const encoded = new TextEncoder().encode(text)
  const bytes = new Uint8Array(encoded.length)
  const digit = (byte: number | undefined): number => (byte === undefined ? Number.NaN : Number.parseInt(String.fromCharCode(byte), 16))
  let size = 0
  for (let at = 0; at < encoded.length; at++) {
    const high = encoded[at] === 37 ? digit(encoded[at + 1]) : Number.NaN
    const value = high * 16 + digit(encoded[at + 2])
    if (Number.isNaN(value)) bytes[size++] = encoded[at]
    else {
      bytes[size++] = value
      at += 2
    }
  }
  return bytes.subarray(0, size)
}
