import { makeAddedTokenFinder } from "./added-token.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** A piece of a rendered prompt. */
export type PromptPiece =
  /** Ordinary text, tokenized in one call. `normalized`: it went through the tokenizer's normalizer already (hand it to `encode` as well). */
  | { readonly _tag: "Text"; readonly text: string; readonly normalized?: true }
  /** An added token that the template wrote. */
  | { readonly _tag: "Control"; readonly token: string; readonly id: number }
  /** Where the medium of a `bare` part stands. */
  | { readonly _tag: "Bare"; readonly index: number }

/**
 * Cuts rendered text at added tokens as the `tokenizers` library does: first at those that stand in the text as it is, then, in what lies between, at those
 * that stand in normalized text. `guard` is taken out of text; `place`, digits, `place` become bare places.
 */
export const splitRendered = (tokenizer: Tokenizer): ((rendered: string, guard: string, place: string) => ReadonlyArray<PromptPiece>) => {
  // A token that its normalizer leaves as it is can be found in text that is not normalized.
  const isSecond = (content: string, normalized: boolean) => normalized && tokenizer.normalize(content) !== content
  const first = makeAddedTokenFinder(tokenizer.addedTokens.filter(({ content, normalized }) => !isSecond(content, normalized)))
  const seconds = tokenizer.addedTokens.filter(({ content, normalized }) => isSecond(content, normalized))
  const second = makeAddedTokenFinder(seconds, ({ content }) => tokenizer.normalize(content))
  return (rendered, guard, place) => {
    const pieces: Array<PromptPiece> = []
    const text = (guarded: string, normalized: boolean) => {
      const clean = guarded.replaceAll(guard, "")
      if (clean !== "") pieces.push(normalized ? { _tag: "Text", text: clean, normalized } : { _tag: "Text", text: clean })
    }
    const between = (section: string) => {
      const found = seconds.length === 0 ? [] : second.split(tokenizer.normalize(section), guard)
      if (!found.some(({ _tag }) => _tag === "Added")) return text(section, false)
      for (const part of found) {
        if (part._tag === "Added") pieces.push({ _tag: "Control", token: part.token.content, id: part.token.id })
        else text(part.text, true)
      }
    }
    // At odd places of this list stand the indexes of bare places.
    rendered.split(place).forEach((part, at) => {
      if (at % 2 === 1) {
        pieces.push({ _tag: "Bare", index: Number(part) })
        return
      }
      for (const section of first.split(part, guard)) {
        if (section._tag === "Added") pieces.push({ _tag: "Control", token: section.token.content, id: section.token.id })
        else between(section.text)
      }
    })
    return pieces
  }
}
