import { Predicate } from "effect"
import { byteCharacters } from "./byte-pair.ts"
import { openPattern } from "./library-parts.ts"

/** Turns token ids into text as they come, never cutting a character in two. */
export interface TextStream {
  /** Text that is complete with this token; may be empty. */
  readonly push: (token: number) => string
  /** What was held back. */
  readonly end: () => string
}

/** One step of a decoder over a stream of pieces: what is complete with a piece, and the rest at the end. */
interface Step {
  readonly push: (piece: string) => ReadonlyArray<string>
  readonly end: () => ReadonlyArray<string>
}

type Fields = Readonly<Record<string, unknown>>

const mapStep = (map: (piece: string) => string): Step => ({ push: (piece) => [map(piece)], end: () => [] })

const byteOf: ReadonlyMap<string, number> = new Map(byteCharacters.map((character, byte) => [character, byte]))

/** Byte-level pieces to text. A piece that holds a character outside the table stands for itself, as in the `tokenizers` library. */
const byteLevelStep = (): Step => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const encoder = new TextEncoder()
  return {
    push: (piece) => {
      const bytes: Array<number> = []
      for (const character of piece) {
        const byte = byteOf.get(character)
        if (byte === undefined) return [decoder.decode(encoder.encode(piece), { stream: true })]
        bytes.push(byte)
      }
      return [decoder.decode(Uint8Array.from(bytes), { stream: true })]
    },
    end: () => [decoder.decode()]
  }
}

/** A token that is one byte, as `<0x0A>`. */
const BYTE_PIECE = /^<0x[0-9A-Fa-f]{2}>$/

/** A run of byte tokens is text when all of it is UTF-8, else one U+FFFD a byte: so it is held until the run ends. */
const byteFallbackStep = (): Step => {
  let run: Array<number> = []
  const flush = (): ReadonlyArray<string> => {
    if (run.length === 0) return []
    const bytes = Uint8Array.from(run)
    run = []
    try {
      return [new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)]
    } catch {
      return ["\ufffd".repeat(bytes.length)]
    }
  }
  return {
    push: (piece) => {
      if (!BYTE_PIECE.test(piece)) return [...flush(), piece]
      run.push(Number.parseInt(piece.slice(3, 5), 16))
      return []
    },
    end: flush
  }
}

/** Strips up to `start` and `stop` of `content` off the whole text: what follows `Fuse`. */
const stripWholeStep = (content: string, start: number, stop: number): Step => {
  let strippable = start
  let tail = ""
  return {
    push: (piece) => {
      let text = piece
      while (strippable > 0 && text !== "") {
        if (!text.startsWith(content)) {
          strippable = 0
          break
        }
        text = text.slice(content.length)
        strippable--
      }
      if (stop === 0) return [text]
      text = tail + text
      let cut = text.length
      for (let i = 0; i < stop && text.startsWith(content, cut - content.length) && cut > 0; i++) cut -= content.length
      tail = text.slice(cut)
      return [text.slice(0, cut)]
    },
    end: () => []
  }
}

const stripPiece =
  (content: string, start: number, stop: number) =>
  (piece: string): string => {
    let from = 0
    let to = piece.length
    for (let i = 0; i < start && piece.startsWith(content, from) && from < to; i++) from += content.length
    for (let i = 0; i < stop && to - content.length >= from && piece.startsWith(content, to - content.length); i++) to -= content.length
    return piece.slice(from, to)
  }

const metaspaceStep = (settings: Fields): Step => {
  const mark = typeof settings.replacement === "string" ? settings.replacement : "▁"
  const drops = settings.prepend_scheme === undefined ? settings.add_prefix_space !== false : settings.prepend_scheme !== "never"
  let first = true
  return mapStep((piece) => {
    const text = piece.replaceAll(mark, first && drops ? "" : " ")
    first = false
    return text
  })
}

/** transformers' `clean_up_tokenization`: takes spaces away in front of English punctuation and contractions. */
const cleanUp = (text: string): string =>
  text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re")
/** A character that stands in none of what `cleanUp` looks for: text may be cut behind it. */
const OUTSIDE_CLEAN_UP = /[^ .?!,'ntmsver](?=[ .?!,'ntmsver]*$)/u

const cleanUpStep = (): Step => {
  let held = ""
  return {
    push: (piece) => {
      held += piece
      const last = OUTSIDE_CLEAN_UP.exec(held)
      if (last === null) return []
      const cut = last.index + last[0].length
      const text = cleanUp(held.slice(0, cut))
      held = held.slice(cut)
      return [text]
    },
    end: () => {
      const text = cleanUp(held)
      held = ""
      return [text]
    }
  }
}

const flatten = (settings: unknown): ReadonlyArray<Fields> => {
  if (!Predicate.isObject(settings)) throw new Error("its decoder is no object")
  const fields: Fields = { ...settings }
  if (fields.type !== "Sequence") return [fields]
  if (!Array.isArray(fields.decoders)) throw new Error("its sequence of decoders is no list")
  return fields.decoders.flatMap(flatten)
}

const replaceStep = (fields: Fields): (() => Step) => {
  const { pattern } = fields
  const content = typeof fields.content === "string" ? fields.content : ""
  if (Predicate.isObject(pattern) && "String" in pattern && typeof pattern.String === "string") {
    const from = pattern.String
    return () => mapStep((piece) => piece.replaceAll(from, () => content))
  }
  const compiled = openPattern(pattern)
  return () => mapStep((piece) => piece.replace(compiled, () => content))
}

const stripStep = (fields: Fields, fused: boolean): (() => Step) => {
  const { content, start, stop } = fields
  if (typeof content !== "string" || content.length !== 1 || typeof start !== "number" || typeof stop !== "number")
    throw new Error("its Strip decoder lacks a field")
  return () => (fused ? stripWholeStep(content, start, stop) : mapStep(stripPiece(content, start, stop)))
}

/** Reads the `decoder` of tokenizer.json into what starts a chain of steps. Throws where it is of a kind that is not known. */
export const readDecoder = (settings: unknown, cleansUp: boolean): (() => ReadonlyArray<Step>) => {
  const makes: Array<() => Step> = []
  let fused = false
  if (settings === null || settings === undefined) {
    // No decoder: pieces are joined by spaces.
    makes.push(() => {
      let first = true
      return mapStep((piece) => {
        const text = first ? piece : ` ${piece}`
        first = false
        return text
      })
    })
  } else {
    for (const fields of flatten(settings)) {
      if (fused && fields.type !== "Strip" && fields.type !== "Fuse")
        throw new Error(`its decoder has ${String(fields.type)} behind Fuse or ByteLevel, which is not known`)
      switch (fields.type) {
        case "ByteLevel": {
          makes.push(byteLevelStep)
          fused = true
          break
        }
        case "Fuse": {
          fused = true
          break
        }
        case "ByteFallback": {
          makes.push(byteFallbackStep)
          break
        }
        case "Metaspace": {
          makes.push(() => metaspaceStep(fields))
          break
        }
        case "Replace": {
          makes.push(replaceStep(fields))
          break
        }
        case "Strip": {
          makes.push(stripStep(fields, fused))
          break
        }
        default:
          throw new Error(`its decoder ${String(fields.type)} is not known`)
      }
    }
  }
  if (cleansUp) makes.push(cleanUpStep)
  return () => makes.map((make) => make())
}

/** A stream of text through `steps`; `pieceOf` gives a token's piece, or undefined for one that is left out. */
export const makeTextStream = (steps: ReadonlyArray<Step>, pieceOf: (token: number) => string | undefined): TextStream => {
  const through = (pieces: ReadonlyArray<string>, from: number): string => {
    let current = pieces
    for (let at = from; at < steps.length && current.length > 0; at++) current = current.flatMap(steps[at].push)
    return current.join("")
  }
  return {
    push: (token) => {
      const piece = pieceOf(token)
      return piece === undefined ? "" : through([piece], 0)
    },
    end: () => steps.map((step, at) => through(step.end(), at + 1)).join("")
  }
}
