import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { openTokenizer } from "../../src/text/tokenizer.ts"
import { facts, filesOf, published, small, tokenizerOf } from "./facts.ts"

interface Texts {
  readonly texts: ReadonlyArray<string>
  readonly long: ReadonlyArray<{ readonly unit: string; readonly times: number }>
  readonly ids: Readonly<Record<string, ReadonlyArray<unknown>>>
}

const { ids, long, texts } = facts<Texts>("texts")

describe("ordinary text has the ids of the tokenizers library without added tokens", () => {
  for (const name of [...published, ...small]) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf(name)
        expect(ids[name].length).toBe(texts.length)
        for (const [at, text] of texts.entries()) {
          expect(Array.from(tokenizer.encodeText(text)), JSON.stringify(text)).toEqual(ids[name][at])
          expect(Array.from(yield* tokenizer.encode(text))).toEqual(ids[name][at])
        }
      })
    )
  }
})

describe("long texts, in slices and at once", () => {
  for (const name of [...published, "llama"] as const) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf(name)
        for (const [at, { times, unit }] of long.entries()) {
          const found = yield* tokenizer.encode(unit.repeat(times))
          expect({ count: found.length, sha256: createHash("sha256").update(found.join()).digest("hex") }, unit).toEqual(ids[`${name}.long`][at])
          expect(tokenizer.encodeText(unit.repeat(times))).toEqual(found)
        }
      })
    )
  }
})

describe("control tokens", () => {
  for (const name of [...published, ...small]) {
    it.effect(`${name}: no spelling of one gives its id, unless plain text does`, () =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf(name)
        expect(tokenizer.addedTokens.length).toBeGreaterThan(0)
        for (const { content, id, special } of tokenizer.addedTokens) {
          expect(tokenizer.controlId(content)).toBe(id)
          if (special) expect(Array.from(tokenizer.encodeText(`a${content}b`)), content).not.toContain(id)
        }
        expect(tokenizer.controlId("hello")).toBeUndefined()
      })
    )
  }

  it.effect("what stands around a text", () =>
    Effect.gen(function* () {
      expect((yield* tokenizerOf("llama3_2")).around).toEqual({ before: [128000], after: [] })
      expect((yield* tokenizerOf("gemma3")).around).toEqual({ before: [2], after: [] })
      expect((yield* tokenizerOf("llama")).around).toEqual({ before: [1], after: [] })
      expect((yield* tokenizerOf("qwen2_5")).around).toEqual({ before: [], after: [] })
      expect((yield* tokenizerOf("llama3_2")).named.bos_token).toBe("<|begin_of_text|>")
    })
  )
})

describe("edges", () => {
  it.effect("half of a surrogate pair is U+FFFD", () =>
    Effect.gen(function* () {
      for (const name of [...published, ...small]) {
        const tokenizer = yield* tokenizerOf(name)
        expect(tokenizer.encodeText("a\ud83d b\udc4d")).toEqual(tokenizer.encodeText("a\ufffd b\ufffd"))
      }
    })
  )

  it.effect("a space in front of the first text only, where the tokenizer says so", () =>
    Effect.gen(function* () {
      const first = yield* tokenizerOf("metaspace_first")
      const always = yield* tokenizerOf("metaspace_always")
      expect(first.decode(first.encodeText("the"), {})).toBe("the")
      expect(first.encodeText("the", { atStart: false })).not.toEqual(first.encodeText("the"))
      expect(first.encodeText("the", { atStart: false })).toEqual(first.encodeText("xthe").slice(-first.encodeText("the", { atStart: false }).length))
      expect(always.encodeText("the", { atStart: false })).toEqual(always.encodeText("the"))
    })
  )

  it.effect("a tokenizer of another kind, or a broken one, is a typed error", () =>
    Effect.gen(function* () {
      const { tokenizerConfig, tokenizerJson } = filesOf("phi")
      const json = { ...(tokenizerJson as Record<string, unknown>) }
      const model = json.model as Record<string, unknown>
      const broken: ReadonlyArray<readonly [string, unknown]> = [
        ["null", null],
        ["a list", []],
        ["no model", { ...json, model: undefined }],
        ["a model of no kind", { ...json, model: { type: "Nothing" } }],
        ["merges of unknown tokens", { ...json, model: { ...model, merges: [["qqqq", "zzzz"]] } }],
        ["merges that are none", { ...json, model: { ...model, merges: [7] } }],
        ["ids that are none", { ...json, model: { ...model, vocab: { a: "1" }, merges: [] } }],
        ["an unknown normalizer", { ...json, normalizer: { type: "Shout" } }],
        ["an unknown pre-tokenizer", { ...json, pre_tokenizer: { type: "Shout" } }],
        ["an unknown decoder", { ...json, decoder: { type: "Shout" } }],
        ["a pattern that is none", { ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } }],
        ["an added token without an id", { ...json, added_tokens: [{ content: "<x>" }] }]
      ]
      for (const [what, file] of broken) {
        const error = yield* Effect.flip(openTokenizer({ tokenizerJson: file, tokenizerConfig }))
        expect(error._tag, what).toBe("CheckpointUnreadable")
        expect(error.message, what).toMatch(/^tokenizer\.json cannot be used: /)
      }
    })
  )
})
