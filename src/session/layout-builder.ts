import { Effect } from "effect"
import type { PromptLayout } from "../core/prompt-layout.ts"
import type { Segment } from "../core/segment.ts"

type Entry =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Control"; readonly ids: ReadonlyArray<number> }
  | { readonly _tag: "Segment"; readonly segment: Segment }

/** Gathers a layout's pieces in order. Text between two control tokens or media is joined and encoded in one call. */
export class LayoutBuilder {
  readonly #entries: Array<Entry> = []

  /** Ordinary text. */
  text(text: string): this {
    const last = this.#entries.at(-1)
    if (last?._tag === "Text") this.#entries[this.#entries.length - 1] = { _tag: "Text", text: last.text + text }
    else if (text !== "") this.#entries.push({ _tag: "Text", text })
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

  /** The layout of all that was added. `encode`: ordinary text to token ids; `index` counts the texts. */
  build(encode: (text: string, index: number) => Effect.Effect<Int32Array>): Effect.Effect<PromptLayout> {
    const entries = this.#entries
    return Effect.gen(function*() {
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
      for (const entry of entries) {
        if (entry._tag === "Text") tokens.push(yield* encode(entry.text, texts++))
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
