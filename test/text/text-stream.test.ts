import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Tokenizer } from "../../src/text/tokenizer.ts"
import { facts, published, small, tokenizerOf } from "./facts.ts"

interface Decoded {
  readonly ids: ReadonlyArray<number>
  readonly text: string
  /** Where it differs from `text`. */
  readonly withControl?: string
}

const decoded = facts<Readonly<Record<string, ReadonlyArray<Decoded>>>>("decoded")

/** Pushes ids one by one; what is out at any time is a beginning of the whole. */
const streamed = (tokenizer: Tokenizer, ids: ReadonlyArray<number>, whole: string, skipControl = true): string => {
  const stream = tokenizer.stream({ skipControl })
  let text = ""
  for (const id of ids) {
    text += stream.push(id)
    expect(whole.startsWith(text), JSON.stringify({ ids, text, whole })).toBe(true)
  }
  return text + stream.end()
}

describe("decoded text is the reference's, at once and streamed", () => {
  for (const name of [...published, ...small]) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf(name)
        expect(decoded[name].length).toBeGreaterThanOrEqual(100)
        for (const { ids, text, withControl = text } of decoded[name]) {
          expect(tokenizer.decode(ids), JSON.stringify(ids)).toBe(text)
          expect(streamed(tokenizer, ids, text)).toBe(text)
          expect(tokenizer.decode(ids, { skipControl: false }), JSON.stringify(ids)).toBe(withControl)
          expect(streamed(tokenizer, ids, withControl, false)).toBe(withControl)
        }
      })
    )
  }
})

const anyIds = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 440 }))).check(Schema.isMaxLength(30))

describe("law 7: tokens streamed, joined, are the whole text decoded at once", () => {
  it.effect.prop(
    "byte-level: the bytes of all tokens decoded in one call",
    [anyIds],
    ([ids]) =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf("phi")
        const {
          tokenizer: { model }
        } = facts<{ readonly tokenizer: { readonly model: { readonly vocab: Readonly<Record<string, number>> } } }>("tokenizer-phi")
        const pieces = new Map(Object.entries(model.vocab).map(([piece, id]) => [id, piece]))
        // GPT-2's table the other way round, spelled out anew.
        const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || byte > 173
        const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable(byte))
        const byteOf = (character: string) => (character.charCodeAt(0) < 256 ? character.charCodeAt(0) : others[character.charCodeAt(0) - 256])
        const added = new Map(tokenizer.addedTokens.map((token) => [token.id, token]))
        const bytes = ids.flatMap((id) => {
          const token = added.get(id)
          if (token !== undefined) return token.special ? [] : Array.from(new TextEncoder().encode(token.content))
          return Array.from(pieces.get(id) ?? "", byteOf)
        })
        const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes))
        expect(tokenizer.decode(ids)).toBe(whole)
        expect(streamed(tokenizer, ids, whole)).toBe(whole)
      }),
    { arbitrary: { runs: 1000 } }
  )

  for (const name of ["llama", "llama_normalized", "metaspace_always"] as const) {
    it.effect.prop(
      `${name}: any ids`,
      [anyIds],
      ([ids]) =>
        Effect.gen(function* () {
          const tokenizer = yield* tokenizerOf(name)
          const whole = tokenizer.decode(ids)
          expect(streamed(tokenizer, ids, whole)).toBe(whole)
        }),
      { arbitrary: { runs: 1000 } }
    )
  }

  it.effect.prop(
    "any text comes back, whole and in pieces",
    [Schema.String],
    ([drawn]) =>
      Effect.gen(function* () {
        const text = drawn.toWellFormed()
        for (const name of ["phi", "llama", "metaspace_first"] as const) {
          const tokenizer = yield* tokenizerOf(name)
          const ids = Array.from(tokenizer.encodeText(text))
          expect(streamed(tokenizer, ids, tokenizer.decode(ids))).toBe(tokenizer.decode(ids))
          // Space marks are spaces afterwards; the leading one may be the tokenizer's own.
          if (name === "phi") expect(tokenizer.decode(ids)).toBe(text)
          else if (!text.includes("▁") && !text.startsWith(" ") && text !== "") expect(tokenizer.decode(ids)).toBe(text)
        }
      }),
    { arbitrary: { runs: 1000 } }
  )
})
