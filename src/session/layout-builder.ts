import { Effect } from "effect"
import type { PromptLayout } from "../core/prompt-layout.ts"
import type { Segment } from "../core/segment.ts"

type Entry =
  | { readonly _tag: "Text"; readonly text: string; readonly normalized: boolean }
  | { readonly _tag: "Control"; readonly ids: ReadonlyArray<number> }
  | { readonly _tag: "Segment"; readonly segment: Segment }

/** Where a text stands. */
export interface TextPlace {
  /** How many texts stand before it. */
  readonly index: number
  /** A segment that is no text stands right before it. */
  readonly afterMedia: boolean
  /** It went through the tokenizer's normalizer already. */
  readonly normalized: boolean
}

/** Gathers a layout's pieces in order. Text between two control tokens or media is joined and encoded in one call. */
export class LayoutBuilder {
  readonly #entries: Array<Entry> = []

  /** Ordinary text. `normalized`: by the tokenizer's normalizer, already. */
  text(text: string, normalized = false): this {
    const last = this.#entries.at(-1)
    if (last?._tag === "Text" && last.normalized === normalized) this.#entries[this.#entries.length - 1] = { _tag: "Text", text: last.text + text, normalized }
    else if (text !== "") this.#entries.push({ _tag: "Text", text, normalized })
    return this
  }

  /** Control tokens by id. */
  control(...ids: ReadonlyArray<number>): this {
    this.#entries.push({ _tag: "Control", ids })
    return this
  }

  /** A segment that is not text. */
  segment(segment: Segment): this {
    this.#entries.push({ _tag: "Segment", segment })
    return this
  }

  /** The layout of all that was added. `encode`: ordinary text to token ids. */
  build(encode: (text: string, place: TextPlace) => Effect.Effect<Int32Array>): Effect.Effect<PromptLayout> {
    const entries = this.#entries
    return Effect.gen(function* () {
      const segments: Array<Segment> = []
      let tokens: Array<Int32Array | ReadonlyArray<number>> = []
      let texts = 0
      const flush = () => {
        const all = new Int32Array(tokens.reduce((sum, { length }) => sum + length, 0))
        tokens.reduce((at, ids) => {
          all.set(ids, at)
          return at + ids.length
        }, 0)
        if (all.length > 0) segments.push({ _tag: "Text", tokens: all })
        tokens = []
      }
      for (const [at, entry] of entries.entries()) {
        if (entry._tag === "Text")
          tokens.push(yield* encode(entry.text, { index: texts++, afterMedia: entries[at - 1]?._tag === "Segment", normalized: entry.normalized }))
        else if (entry._tag === "Control") tokens.push(entry.ids)
        else {
          flush()
          segments.push(entry.segment)
        }
      }
      flush()
      return { segments }
    })
  }
}
