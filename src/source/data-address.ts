import { Effect } from "effect"
import { type LimitExceeded, SourceUnreadable } from "../core/errors.ts"
import type { SourceLimits } from "./source-limits.ts"
import { tooManyBytes } from "./spool.ts"

/** The bytes of a `data:` address (RFC 2397), in base64 or with percent signs. */
export const readDataAddress = (address: string, limits: SourceLimits): Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded> => Effect.suspend((): Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded> => {
  const name = "data: address"
  const comma = address.indexOf(",")
  if (comma < 0) return Effect.fail(new SourceUnreadable({ stage: "open", source: name, message: `${name}: there is no comma after the media type` }))
  const base64 = /;\s*base64\s*$/i.test(address.slice(0, comma).slice(-32))
  const needed = base64 ? Math.floor((address.length - comma - 1) / 4) * 3 : address.length - comma - 1
  if (needed > limits.maxBytesInMemory) return Effect.fail(tooManyBytes(name, needed, limits.maxBytesInMemory))
  const body = address.slice(comma + 1)
  if (!base64) return Effect.succeed(percentDecode(body))
  const bytes = Buffer.from(body.includes("%") ? new TextDecoder("latin1").decode(percentDecode(body)) : body, "base64")
  if (bytes.length === 0 && body !== "") return Effect.fail(new SourceUnreadable({ stage: "open", source: name, message: `${name}: what follows the comma is not base64` }))
  return Effect.succeed(bytes)
})

/** Text as bytes, `%41` as 65; a percent sign without two digits stands for itself. */
const percentDecode = (text: string): Uint8Array => {
  const encoded = new TextEncoder().encode(text)
  const bytes = new Uint8Array(encoded.length)
  const digit = (byte: number | undefined): number => byte === undefined ? Number.NaN : Number.parseInt(String.fromCharCode(byte), 16)
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
