import { Predicate } from "effect"
import { openPattern, openPreTokenizer } from "./library-parts.ts"

/** Cuts text into words, one at a time as they are asked for. `atStart`: the text stands at the beginning of what the reference tokenizes in one call. */
export type PreTokenize = (text: string, atStart: boolean) => Iterable<string>

/** What the `pre_tokenizer` of tokenizer.json does. */
export interface PreTokenizer {
  readonly words: PreTokenize
  /** Words go into the model byte by byte. */
  readonly byteLevel: boolean
}

const SPLIT_BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const
type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number]

/** Matches of `pattern` and what lies between, in order; empty ones are left out. */
function* spans(text: string, pattern: RegExp): Generator<readonly [text: string, isMatch: boolean]> {
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue
    if (match.index > end) yield [text.slice(end, match.index), false]
    yield [match[0], true]
    end = match.index + match[0].length
  }
  if (end < text.length) yield [text.slice(end), false]
}

/** The five behaviours of `Split` in the `tokenizers` library (`normalizer.rs`, `NormalizedString::split`). */
function* split(text: string, pattern: RegExp, behavior: SplitBehavior, invert: boolean): Generator<string> {
  let held = ""
  let lastMatched = false
  for (const [piece, found] of spans(text, pattern)) {
    const isMatch = found !== invert
    switch (behavior) {
      case "Isolated": {
        yield piece
        break
      }
      case "Removed": {
        if (!isMatch) yield piece
        break
      }
      case "Contiguous": {
        if (held !== "" && isMatch !== lastMatched) {
          yield held
          held = ""
        }
        held += piece
        break
      }
      case "MergedWithPrevious": {
        if (held !== "" && !(isMatch && !lastMatched)) {
          yield held
          held = ""
        }
        held += piece
        break
      }
      case "MergedWithNext": {
        if (held !== "" && !(lastMatched && !isMatch)) {
          yield held
          held = ""
        }
        held += piece
        break
      }
    }
    lastMatched = isMatch
  }
  if (held !== "") yield held
}

/** GPT-2's pattern, which a `ByteLevel` with `use_regex` splits with. */
const BYTE_LEVEL_PATTERN = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const behaviorOf = (name: unknown): SplitBehavior => {
  const behavior = SPLIT_BEHAVIORS.find((known) => known === name)
  if (behavior === undefined) throw new Error(`it splits with the behaviour ${String(name)}, which is not known`)
  return behavior
}

const splitStep = (settings: Readonly<Record<string, unknown>>): PreTokenize => {
  const behavior = behaviorOf(settings.behavior)
  const compiled = openPattern(settings.pattern)
  return (text) => split(text, compiled, behavior, settings.invert === true)
}

/** What Rust's `char::is_numeric`, `is_punctuation` and its regular expressions' `\w` and `\s` mean. */
const NUMERIC = /\p{N}/gu
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu
const WORD_OR_SIGNS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu
const WHITE_SPACE = /\p{White_Space}/gu

const byteLevelStep =
  (settings: Readonly<Record<string, unknown>>): PreTokenize =>
  (text) => {
    const prefixed = settings.add_prefix_space === true && !text.startsWith(" ") ? ` ${text}` : text
    return settings.use_regex === false ? [prefixed] : split(prefixed, BYTE_LEVEL_PATTERN, "Isolated", false)
  }

const metaspaceStep = (settings: Readonly<Record<string, unknown>>): PreTokenize => {
  const mark = typeof settings.replacement === "string" ? settings.replacement : "▁"
  const scheme = settings.prepend_scheme ?? (settings.add_prefix_space === false ? "never" : "always")
  const pattern = new RegExp(mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gu")
  return (text, atStart) => {
    const marked = text.replaceAll(" ", mark)
    const prefixed = (scheme === "always" || (scheme === "first" && atStart)) && !marked.startsWith(mark) ? mark + marked : marked
    return settings.split === false ? [prefixed] : split(prefixed, pattern, "MergedWithNext", false)
  }
}

const flatten = (settings: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> => {
  if (settings === null || settings === undefined) return []
  if (!Predicate.isObject(settings)) throw new Error("its pre-tokenizer is no object")
  const record: Readonly<Record<string, unknown>> = { ...settings }
  if (record.type !== "Sequence") return [record]
  if (!Array.isArray(record.pretokenizers)) throw new Error("its sequence of pre-tokenizers is no list")
  return record.pretokenizers.flatMap(flatten)
}

/** Reads the `pre_tokenizer` of tokenizer.json. Throws where it is of a kind that is not known. */
export const readPreTokenizer = (settings: unknown): PreTokenizer => {
  const list = flatten(settings)
  const steps = list.map((step): PreTokenize => {
    switch (step.type) {
      case "Split":
        return splitStep(step)
      case "ByteLevel":
        return byteLevelStep(step)
      case "Metaspace":
        return metaspaceStep(step)
      case "Digits":
        return (text) => split(text, NUMERIC, step.individual_digits === true ? "Isolated" : "Contiguous", false)
      case "Punctuation": {
        const behavior = behaviorOf(step.behavior ?? "Isolated")
        return (text) => split(text, PUNCTUATION, behavior, false)
      }
      case "Whitespace":
        return (text) => split(text, WORD_OR_SIGNS, "Removed", true)
      case "WhitespaceSplit":
        return (text) => split(text, WHITE_SPACE, "Removed", false)
      default:
        return openPreTokenizer(step)
    }
  })
  const byteLevel = list.findIndex((step) => step.type === "ByteLevel")
  if (byteLevel !== -1 && byteLevel !== list.length - 1) throw new Error("its ByteLevel pre-tokenizer is not the last one")
  function* through(text: string, atStart: boolean, from: number): Generator<string> {
    if (from === steps.length) {
      if (text !== "") yield text
      return
    }
    let first = atStart
    for (const piece of steps[from](text, atStart)) {
      yield* through(piece, first, from + 1)
      first = false
    }
  }
  return { words: (text, atStart) => through(text, atStart, 0), byteLevel: byteLevel !== -1 }
}
