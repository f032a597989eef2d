import type { PromptLayout } from "../core/prompt-layout.ts"
import type { Segment } from "../core/segment.ts"

/** Builds a layout from pieces in order. Text between two control tokens or media is joined and encoded in one call. */
export class LayoutBuilder {
  readonly #encode: (text: string) => Int32Array
  readonly #segments: Array<Segment> = []
  #tokens: Array<number> = []
  #text = ""

  /** `encode`: ordinary text to token ids. */
  constructor(encode: (text: string) => Int32Array) {
    this.#encode = encode
  }

  /** Ordinary text. */
  text(text: string): this {
    this.#text += text
    return this
  }

  /** Control tokens by id. */
  control(...ids: ReadonlyArray<number>): this {
    this.#encodeText()
    this.#tokens.push(...ids)
    return this
  }

  /** A segment that is not text. */
  segment(segment: Segment): this {
    this.#flush()
    this.#segments.push(segment)
    return this
  }

  /** All that was added. */
  build(): PromptLayout {
    this.#flush()
    return { segments: this.#segments }
  }

  #encodeText(): void {
    if (this.#text !== "") for (const id of this.#encode(this.#text)) this.#tokens.push(id)
    this.#text = ""
  }

  #flush(): void {
    this.#encodeText()
    if (this.#tokens.length > 0) this.#segments.push({ _tag: "Text", tokens: Int32Array.from(this.#tokens) })
    this.#tokens = []
  }
}
