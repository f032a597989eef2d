import { Predicate } from "effect"

/** A token that the reference matches as a whole before it tokenizes what lies between: every control token is one. */
export interface AddedToken {
  readonly content: string
  readonly id: number
  /** Left out of text that is decoded without control tokens. */
  readonly special: boolean
  /** Takes the white space in front of it, or behind it, away. */
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Matches only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean
  /** Matched in normalized text, not in the text as it is. */
  readonly normalized: boolean
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields | undefined => (Predicate.isObject(value) && !Array.isArray(value) ? { ...value } : undefined)

const readToken = (fields: Fields, id: unknown): AddedToken | undefined => {
  const { content } = fields
  if (typeof content !== "string" || content === "" || typeof id !== "number" || !Number.isInteger(id) || id < 0) return undefined
  const special = fields.special === true
  return {
    content,
    id,
    special,
    lstrip: fields.lstrip === true,
    rstrip: fields.rstrip === true,
    singleWord: fields.single_word === true,
    normalized: typeof fields.normalized === "boolean" ? fields.normalized : !special
  }
}

/** Fields of tokenizer_config.json that name one special token each. */
const NAMED = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const

/** The special tokens that tokenizer_config.json names (bos_token, ...): what chat templates get as variables. */
export const namedTokens = (tokenizerConfig: unknown): Readonly<Record<string, string>> => {
  const config = fieldsOf(tokenizerConfig) ?? {}
  const named: Record<string, string> = {}
  const read = (name: string, value: unknown) => {
    const content = typeof value === "string" ? value : fieldsOf(value)?.content
    if (typeof content === "string" && content !== "") named[name] = content
  }
  for (const name of NAMED) read(name, config[name])
  // Further names (image_token, ...): a record, under the key of transformers 4 or of 5.
  for (const extra of [config.extra_special_tokens, config.model_specific_special_tokens]) {
    for (const [name, value] of Object.entries(fieldsOf(extra) ?? {})) read(name, value)
  }
  return named
}

const specialContents = (tokenizerConfig: unknown): ReadonlySet<string> => {
  const config = fieldsOf(tokenizerConfig) ?? {}
  const lists = [config.additional_special_tokens, config.extra_special_tokens].filter(Array.isArray).flat()
  const contents = lists.map((value: unknown) => (typeof value === "string" ? value : fieldsOf(value)?.content)).filter((value) => typeof value === "string")
  return new Set([...Object.values(namedTokens(tokenizerConfig)), ...contents])
}

/**
 * The added tokens of a checkpoint, as transformers has them once it opened it: those of tokenizer.json, with the flags that tokenizer_config.json's
 * `added_tokens_decoder` gives them, and those that only the latter has or names. `idOf` looks into the model's vocabulary.
 */
export const readAddedTokens = (tokenizerJson: unknown, tokenizerConfig: unknown, idOf: (token: string) => number | undefined): ReadonlyArray<AddedToken> => {
  const tokens = new Map<string, AddedToken>()
  const listed = fieldsOf(tokenizerJson)?.added_tokens
  for (const entry of Array.isArray(listed) ? listed : []) {
    const fields = fieldsOf(entry)
    const token = fields === undefined ? undefined : readToken(fields, fields.id)
    if (token === undefined) throw new Error(`its added token ${JSON.stringify(entry)} has no content or no id`)
    tokens.set(token.content, token)
  }
  for (const [id, entry] of Object.entries(fieldsOf(fieldsOf(tokenizerConfig)?.added_tokens_decoder) ?? {})) {
    const token = readToken(fieldsOf(entry) ?? {}, Number(id))
    // An id of tokenizer.json stands: transformers adds the token by its content.
    if (token !== undefined) tokens.set(token.content, { ...token, id: tokens.get(token.content)?.id ?? idOf(token.content) ?? token.id })
  }
  for (const content of specialContents(tokenizerConfig)) {
    const token = tokens.get(content)
    const id = token?.id ?? idOf(content)
    if (token !== undefined) tokens.set(content, { ...token, special: true })
    else if (id !== undefined) tokens.set(content, { content, id, special: true, lstrip: false, rstrip: false, singleWord: false, normalized: false })
  }
  return [...tokens.values()]
}

/** A run of text between added tokens, or one of them. */
export type Section = { readonly _tag: "Between"; readonly text: string } | { readonly _tag: "Added"; readonly token: AddedToken }

/** Finds the spellings of some added tokens in text. */
export interface AddedTokenFinder {
  /** Cuts text at the tokens, the leftmost and then the longest first; `text` may hold `guard`, a character that white space and words are looked for through. */
  readonly split: (text: string, guard?: string) => ReadonlyArray<Section>
  /**
   * Puts `guard` inside every spelling in `text`, behind its first character, so that none is found any more; also inside a beginning of one at the text's
   * end, which text that follows could complete. Tokens of one character cannot be guarded.
   */
  readonly guarded: (text: string, guard: string) => string
}

interface Node {
  readonly children: Map<number, Node>
  token: AddedToken | undefined
}

const WORD_END = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u
const WORD_START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u

/** Characters in front of a match that word and space rules look at. */
const NEAR = 4

/** Builds a finder of `tokens`; `spelling` is what a token looks like in the text that is searched. */
export const makeAddedTokenFinder = (
  tokens: ReadonlyArray<AddedToken>,
  spelling: (token: AddedToken) => string = (token) => token.content
): AddedTokenFinder => {
  const root: Node = { children: new Map(), token: undefined }
  for (const token of tokens) {
    let node = root
    for (const unit of spelling(token)) {
      for (let i = 0; i < unit.length; i++) {
        const code = unit.charCodeAt(i)
        let child = node.children.get(code)
        if (child === undefined) node.children.set(code, (child = { children: new Map(), token: undefined }))
        node = child
      }
    }
    node.token ??= token
  }
  // Native search for a first character passes over ordinary text fast.
  const first = [...root.children.keys()].map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("")
  const candidates = (): RegExp => new RegExp(first === "" ? "(?!)" : `[${first}]`, "g")

  /** The longest token that begins at `from`, and where it ends. */
  const longestAt = (text: string, from: number): readonly [token: AddedToken, end: number] | undefined => {
    let node = root
    let found: readonly [AddedToken, number] | undefined
    for (let at = from; at < text.length; at++) {
      const child = node.children.get(text.charCodeAt(at))
      if (child === undefined) break
      node = child
      if (node.token !== undefined) found = [node.token, at + 1]
    }
    return found
  }
  /** What stands from `from` to `end` is the beginning of a token. */
  const isBeginning = (text: string, from: number, end: number): boolean => {
    let node: Node | undefined = root
    for (let at = from; at < end && node !== undefined; at++) node = node.children.get(text.charCodeAt(at))
    return node !== undefined && from < end
  }
  const touchesWord = (text: string, from: number, end: number, guard: string | undefined): boolean => {
    const clean = (piece: string) => (guard === undefined ? piece : piece.replaceAll(guard, ""))
    return WORD_END.test(clean(text.slice(Math.max(0, from - NEAR), from))) || WORD_START.test(clean(text.slice(end, end + NEAR)))
  }
  return {
    split: (text, guard) => {
      const sections: Array<Section> = []
      const search = candidates()
      let end = 0
      let trimNext = false
      const space = `[\\p{White_Space}${guard ?? ""}]+`
      const spaceStart = new RegExp(`^${space}`, "u")
      const spaceEnd = new RegExp(`${space}$`, "u")
      const between = (upTo: number, trimEnd: boolean) => {
        let piece = text.slice(end, upTo)
        if (trimNext) piece = piece.replace(spaceStart, "")
        if (trimEnd) piece = piece.replace(spaceEnd, "")
        if (piece !== "") sections.push({ _tag: "Between", text: piece })
      }
      for (let candidate = search.exec(text); candidate !== null; candidate = search.exec(text)) {
        const from = candidate.index
        const match = longestAt(text, from)
        if (match === undefined) continue
        const [token, to] = match
        search.lastIndex = to
        if (token.singleWord && touchesWord(text, from, to, guard)) continue
        between(from, token.lstrip)
        sections.push({ _tag: "Added", token })
        end = to
        trimNext = token.rstrip
      }
      between(text.length, false)
      return sections
    },
    guarded: (text, guard) => {
      const search = candidates()
      const textEnd = text.trimEnd().length
      let out = ""
      let done = 0
      for (let candidate = search.exec(text); candidate !== null; candidate = search.exec(text)) {
        if (longestAt(text, candidate.index) === undefined && !isBeginning(text, candidate.index, textEnd)) continue
        const cut = candidate.index + ((text.codePointAt(candidate.index) ?? 0) > 0xffff ? 2 : 1)
        out += text.slice(done, cut) + guard
        done = cut
      }
      return done === 0 ? text : out + text.slice(done)
    }
  }
}
