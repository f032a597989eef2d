import { Effect, Predicate } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"
import { type AddedToken, namedTokens, readAddedTokens } from "./added-token.ts"
import { type BytePair, byteCharacters, makeBytePair } from "./byte-pair.ts"
import { openLibraryModel, openNormalizer } from "./library-parts.ts"
import { readPreTokenizer } from "./pre-tokenize.ts"
import { makeTextStream, readDecoder, type TextStream } from "./text-stream.ts"
import { atOnce, inSlices, type Steps } from "./time-slices.ts"

/** Parsed JSON of a checkpoint's tokenizer. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizerJson: unknown
  /** tokenizer_config.json; undefined where there is none */
  readonly tokenizerConfig: unknown
}

/** How one text is tokenized. */
export interface EncodeOptions {
  /**
   * The text stands at the beginning of what the reference tokenizes in one call (default true). Only tokenizers that put a space in front of the first text
   * alone (`Metaspace`, `prepend_scheme: "first"`) look at it; those that put one in front of every text (LLaMA's) do so at every call.
   */
  readonly atStart?: boolean
  /** The text is normalized already (default false). */
  readonly normalized?: boolean
}

/** A checkpoint's tokenizer. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number
  /** Every token that the reference matches as a whole. */
  readonly addedTokens: ReadonlyArray<AddedToken>
  /** Id of an added token; undefined for any other string. */
  readonly controlId: (token: string) => number | undefined
  /** Special tokens that the configuration names: `bos_token`, `eos_token`, ... */
  readonly named: Readonly<Record<string, string>>
  /** Ids that the reference's tokenizer puts around a text that it tokenizes with special tokens (a template does without). */
  readonly around: { readonly before: ReadonlyArray<number>; readonly after: ReadonlyArray<number> }
  /** Ids of ordinary text: no added token is ever matched in it. In one go; for short text. */
  readonly encodeText: (text: string, options?: EncodeOptions) => Int32Array
  /** The same in slices of a few milliseconds: long text does not hold the event loop. */
  readonly encode: (text: string, options?: EncodeOptions) => Effect.Effect<Int32Array>
  /** What the normalizer makes of a text. */
  readonly normalize: (text: string) => string
  /** Text of ids, as the reference decodes it. Ids without a token give nothing. `skipControl`: special tokens are left out (default true). */
  readonly decode: (ids: ArrayLike<number>, options?: { readonly skipControl?: boolean }) => string
  /** The same token by token. */
  readonly stream: (options?: { readonly skipControl?: boolean }) => TextStream
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => Predicate.isObject(value) && !Array.isArray(value)

const isVocabulary = (value: unknown): value is Readonly<Record<string, number>> => isFields(value)

/** Length of the parts that long text is normalized in, in UTF-16 units. */
const PART_LENGTH = 16_384

/**
 * A text may be normalized in parts that begin with an ASCII character: NFC, since nothing composes with one in front of it, and the replacement of one
 * character.
 */
const normalizesPartwise = (settings: unknown): boolean =>
  isFields(settings) &&
  (settings.type === "NFC" ||
    (settings.type === "Replace" && isFields(settings.pattern) && typeof settings.pattern.String === "string" && settings.pattern.String.length === 1))

/** The library's own model, for kinds that are not byte pairs. It holds the event loop for as long as a word takes. */
const libraryModel = (settings: Fields, config: Fields, byteLevel: boolean): BytePair => {
  const model = openLibraryModel(settings, config)
  const encoder = new TextEncoder()
  return {
    idOf: (token) => model.tokens_to_ids.get(token),
    pieces: [...model.vocab],
    // eslint-disable-next-line require-yield -- the library cannot pause
    *word(word, ids) {
      const spelled = byteLevel ? Array.from(encoder.encode(word), (byte) => byteCharacters[byte]).join("") : word
      for (const token of model([spelled])) {
        const id = model.tokens_to_ids.get(token) ?? model.unk_token_id
        if (id !== undefined) ids.push(id)
      }
    }
  }
}

function* openModel(settings: Fields, config: Fields, byteLevel: boolean): Steps<BytePair> {
  const { merges, vocab } = settings
  const isPlain =
    isVocabulary(vocab) &&
    Array.isArray(merges) &&
    (settings.type === undefined || settings.type === "BPE") &&
    !settings.continuing_subword_prefix &&
    !settings.end_of_word_suffix &&
    typeof settings.dropout !== "number"
  if (!isPlain) return libraryModel(settings, config, byteLevel)
  return yield* makeBytePair(
    {
      vocab,
      merges,
      unkToken: typeof settings.unk_token === "string" ? settings.unk_token : undefined,
      fuseUnk: settings.fuse_unk === true,
      byteFallback: settings.byte_fallback === true,
      ignoreMerges: settings.ignore_merges === true
    },
    byteLevel
  )
}

/** Ids that the post-processor puts before and after a text. */
const readAround = (settings: unknown, idOf: (token: string) => number | undefined): Tokenizer["around"] => {
  if (!isFields(settings)) return { before: [], after: [] }
  if (settings.type === "Sequence" && Array.isArray(settings.processors)) {
    return settings.processors
      .map((processor) => readAround(processor, idOf))
      .reduce((inner, outer) => ({ before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after] }), { before: [], after: [] })
  }
  if (settings.type === "RobertaProcessing" || settings.type === "BertProcessing") {
    const ids = [settings.cls, settings.sep].map((pair) => (Array.isArray(pair) && typeof pair[1] === "number" ? [pair[1]] : []))
    return { before: ids[0], after: ids[1] }
  }
  if (settings.type !== "TemplateProcessing" || !Array.isArray(settings.single)) return { before: [], after: [] }
  const before: Array<number> = []
  const after: Array<number> = []
  let into = before
  for (const item of settings.single) {
    if (!isFields(item)) continue
    if ("Sequence" in item) into = after
    const name = isFields(item.SpecialToken) ? item.SpecialToken.id : undefined
    if (typeof name !== "string") continue
    const listed = isFields(settings.special_tokens) && isFields(settings.special_tokens[name]) ? settings.special_tokens[name].ids : undefined
    const ids = Array.isArray(listed) ? listed.filter((id) => typeof id === "number") : [idOf(name)].filter((id) => id !== undefined)
    into.push(...ids)
  }
  return { before, after }
}

function* build({ tokenizerConfig, tokenizerJson: json }: TokenizerFiles): Steps<Tokenizer> {
  if (!isFields(json)) throw new Error("it is no JSON object")
  const model = json.model
  if (!isFields(model)) throw new Error("it has no model")
  const { byteLevel, words } = readPreTokenizer(json.pre_tokenizer)
  const config = isFields(tokenizerConfig) ? tokenizerConfig : {}
  const normalize = openNormalizer(json.normalizer)
  const { idOf, pieces, word: encodeWord } = yield* openModel(model, config, byteLevel)
  const added = readAddedTokens(json, tokenizerConfig, idOf)
  const byContent = new Map(added.map((token) => [token.content, token]))
  yield
  const special = new Set<number>()
  for (const token of added) {
    pieces[token.id] = token.content
    if (token.special) special.add(token.id)
  }
  const steps = readDecoder(json.decoder, config.clean_up_tokenization_spaces === true)

  const isPartwise = normalizesPartwise(json.normalizer)
  function* normalizeSteps(text: string): Steps<string> {
    if (!isPartwise || text.length <= PART_LENGTH) return normalize(text)
    const parts: Array<string> = []
    const ascii = /[\0-\x7f]/g
    for (let from = 0; from < text.length;) {
      ascii.lastIndex = from + PART_LENGTH
      const to = ascii.exec(text)?.index ?? text.length
      parts.push(normalize(text.slice(from, to)))
      from = to
      yield
    }
    return parts.join("")
  }

  function* encodeSteps(text: string, { atStart = true, normalized = false }: EncodeOptions): Steps<Int32Array> {
    if (text === "") return new Int32Array(0)
    const ids: Array<number> = []
    // Half of a surrogate pair is no text: U+FFFD stands for it, as in UTF-8.
    const wellFormed = text.toWellFormed()
    let count = 0
    for (const word of words(normalized ? wellFormed : yield* normalizeSteps(wellFormed), atStart)) {
      yield* encodeWord(word, ids)
      if (++count % 64 === 0) yield
    }
    return new Int32Array(ids)
  }
  const stream = ({ skipControl = true } = {}): TextStream => makeTextStream(steps(), (id) => (skipControl && special.has(id) ? undefined : pieces[id]))
  return {
    vocabSize: pieces.length,
    addedTokens: added,
    controlId: (token) => byContent.get(token)?.id,
    named: namedTokens(tokenizerConfig),
    around: readAround(json.post_processor, (token) => byContent.get(token)?.id ?? idOf(token)),
    encodeText: (text, options = {}) => atOnce(encodeSteps(text, options)),
    encode: (text, options = {}) => inSlices(() => encodeSteps(text, options)),
    normalize,
    decode: (ids, options) => {
      const decoding = stream(options)
      let text = ""
      for (let i = 0; i < ids.length; i++) text += decoding.push(ids[i])
      return text + decoding.end()
    },
    stream
  }
}

/**
 * Opens a checkpoint's tokenizer, in slices that leave the event loop free. Ids and decoded text equal those of transformers' fast tokenizers, but for
 * spellings of added tokens, which are ordinary text here. Fails where a part of tokenizer.json is missing, broken, or of a kind that is not known.
 */
export const openTokenizer = (files: TokenizerFiles): Effect.Effect<Tokenizer, CheckpointUnreadable> =>
  inSlices(function* (): Steps<Tokenizer | CheckpointUnreadable> {
    try {
      return yield* build(files)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return new CheckpointUnreadable({ stage: "load", path: "tokenizer.json", message: `tokenizer.json cannot be used: ${why}` })
    }
  }).pipe(Effect.flatMap((opened) => (opened instanceof CheckpointUnreadable ? Effect.fail(opened) : Effect.succeed(opened))))
