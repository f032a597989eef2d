import { Tokenizer as Library } from "@huggingface/tokenizers"

/** What is used of `@huggingface/tokenizers`. Written down here because its own types do not resolve under Node's module rules. */
interface LibraryTokenizer {
  readonly normalizer: { readonly normalize: (text: string) => string } | null
  readonly pre_tokenizer: { readonly pre_tokenize: (text: string) => ReadonlyArray<string>; readonly pattern?: RegExp | null } | null
  readonly model: {
    (words: ReadonlyArray<string>): ReadonlyArray<string>
    readonly tokens_to_ids: ReadonlyMap<string, number>
    readonly unk_token_id?: number
    readonly vocab: ReadonlyArray<string | undefined>
  }
}

type Fields = Readonly<Record<string, unknown>>

const EMPTY = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [], model: { type: "BPE", vocab: {}, merges: [] } }

const open = (parts: Fields, config: Fields = {}): LibraryTokenizer => new Library({ ...EMPTY, ...parts }, config)

/** The `normalizer` of tokenizer.json. Throws on one that is not known. */
export const openNormalizer = (settings: unknown): ((text: string) => string) => {
  const { normalizer } = open({ normalizer: settings ?? null })
  return normalizer === null ? (text) => text : (text) => normalizer.normalize(text)
}

/** One pre-tokenizer of tokenizer.json, run on a whole text. Throws on one that is not known. */
export const openPreTokenizer = (settings: Fields): ((text: string) => ReadonlyArray<string>) => {
  const step = open({ pre_tokenizer: settings }).pre_tokenizer
  return step === null ? (text) => [text] : (text) => step.pre_tokenize(text)
}

/** A pattern of tokenizer.json (`{ String }` or `{ Regex }`, Oniguruma's) as JavaScript's. Throws on one that cannot be written so. */
export const openPattern = (pattern: unknown): RegExp => {
  const compiled = open({ pre_tokenizer: { type: "Split", pattern, behavior: "Isolated", invert: false } }).pre_tokenizer?.pattern
  if (!(compiled instanceof RegExp)) throw new Error("it has a pattern that is neither a string nor a regular expression")
  return compiled
}

/** The `model` of tokenizer.json. Throws on one that is not known. */
export const openLibraryModel = (model: Fields, config: Fields): LibraryTokenizer["model"] => open({ model }, config).model
