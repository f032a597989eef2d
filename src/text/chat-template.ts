import { Environment, Interpreter, Template } from "@huggingface/jinja"
import { Effect, Predicate } from "effect"
import { CheckpointUnreadable, OptionInvalid } from "../core/errors.ts"
import { type AddedToken, makeAddedTokenFinder } from "./added-token.ts"
import { type PromptPiece, splitRendered } from "./prompt-piece.ts"
import { strftime } from "./strftime.ts"
import { inSlices, type Steps } from "./time-slices.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** Where a checkpoint keeps its template; the first that is there counts, as in transformers. */
export interface ChatTemplateFiles {
  /** Text of chat_template.jinja. */
  readonly jinja?: string | undefined
  /** chat_template.json, or any other JSON with a `chat_template` (processor_config.json, tokenizer_config.json), in order. */
  readonly json?: ReadonlyArray<unknown>
  /** Which of several named templates; default: `default`. */
  readonly name?: string
}

/**
 * A part of a message: text; a medium that the template knows by its type; or `bare`, a place where a medium stands that the template does not know,
 * which comes back as a `Bare` piece.
 */
export type TemplatePart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "bare"; readonly index: number }
  | { readonly type: string; readonly [field: string]: unknown }

/** A message as templates take it. */
export interface TemplateMessage {
  readonly role: string
  readonly content: string | ReadonlyArray<TemplatePart>
}

/** How a conversation is rendered. */
export interface RenderOptions {
  /** The prompt ends where the answer begins (default true). */
  readonly addGenerationPrompt?: boolean
  /** Further variables of the template (`date_string`, `enable_thinking`, ...). They are the program's: control tokens in them count. */
  readonly variables?: Readonly<Record<string, unknown>>
  /** For templates whose messages hold strings: a message's parts, text and bare places, become one string with this between them. Default: they stay a list. */
  readonly partsJoinedBy?: string
  /** What `strftime_now` says; default: now. */
  readonly now?: Date
}

/** A checkpoint's chat template. */
export interface ChatTemplate {
  readonly source: string
  /**
   * Renders messages into text, control tokens and bare places, in order. Text of messages never becomes a control token, also where it spells one, alone or
   * together with its neighbours. Text pieces never adjoin: each is what the reference tokenizes in one call. `OptionInvalid` when the template refuses the messages.
   * `@huggingface/jinja` differs from jinja2 where no template that we know goes: `{{ true }}` writes `true`, and a loop that breaks loses what its last round wrote.
   */
  readonly render: (messages: ReadonlyArray<TemplateMessage>, options?: RenderOptions) => Effect.Effect<ReadonlyArray<PromptPiece>, OptionInvalid>
}

/** What a template throws on purpose. */
class Refused extends Error {}

const unusable = (message: string) =>
  new CheckpointUnreadable({ stage: "load", path: "chat_template", message: `the chat template cannot be used: ${message}` })

/** One template, or several by name. */
const templatesOf = (value: unknown): ReadonlyMap<string, string> => {
  if (typeof value === "string") return new Map([["default", value]])
  const templates = new Map<string, string>()
  for (const entry of Array.isArray(value) ? value : []) {
    if (Predicate.isObject(entry) && "name" in entry && "template" in entry && typeof entry.name === "string" && typeof entry.template === "string")
      templates.set(entry.name, entry.template)
  }
  if (Predicate.isObject(value) && !Array.isArray(value)) {
    for (const [name, template] of Object.entries(value)) if (typeof template === "string") templates.set(name, template)
  }
  return templates
}

const chooseTemplate = ({ jinja, json = [], name = "default" }: ChatTemplateFiles): Effect.Effect<string, CheckpointUnreadable> => {
  if (jinja !== undefined && name === "default") return Effect.succeed(jinja)
  const found = json
    .map((file) => templatesOf(Predicate.isObject(file) && "chat_template" in file ? file.chat_template : undefined))
    .find((templates) => templates.size > 0)
  if (found === undefined)
    return Effect.fail(unusable("the checkpoint has none (chat_template.jinja, chat_template.json, or chat_template in tokenizer_config.json)"))
  const template = found.get(name) ?? (found.size === 1 && name === "default" ? [...found.values()][0] : undefined)
  return template === undefined ? Effect.fail(unusable(`none is named ${name}; there are ${[...found.keys()].join(", ")}`)) : Effect.succeed(template)
}

/** Code points of the private use areas. */
const PRIVATE = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd]
] as const

/** `count` private-use characters that stand in none of `texts`; undefined when all are taken. */
const unusedCharacters = (texts: ReadonlyArray<string>, count: number): ReadonlyArray<string> | undefined => {
  const taken = new Set<string>()
  for (const text of texts) for (const [character] of text.matchAll(/\p{Co}/gu)) taken.add(character)
  const unused: Array<string> = []
  for (const [from, to] of PRIVATE) {
    for (let code = from; code <= to && unused.length < count; code++) {
      const character = String.fromCodePoint(code)
      if (!taken.has(character)) unused.push(character)
    }
  }
  return unused.length < count ? undefined : unused
}

const stringsOf = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (Array.isArray(value)) return value.flatMap(stringsOf)
  return Predicate.isObject(value) ? Object.values(value).flatMap(stringsOf) : []
}

const mapStrings = (value: unknown, map: (text: string) => string): unknown => {
  if (typeof value === "string") return map(value)
  if (Array.isArray(value)) return value.map((entry) => mapStrings(entry, map))
  return Predicate.isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapStrings(entry, map)])) : value
}

/** Python's `range`. */
const range = (first: number, second?: number, step = 1): ReadonlyArray<number> => {
  const [from, to] = second === undefined ? [0, first] : [first, second]
  const numbers: Array<number> = []
  if (step === 0) throw new Error("range() with a step of 0")
  for (let value = from; step > 0 ? value < to : value > to; value += step) numbers.push(value)
  return numbers
}

/** Reads a checkpoint's template. `CheckpointUnreadable`: there is none, or it is no template. */
export const openChatTemplate = (files: ChatTemplateFiles, tokenizer: Tokenizer): Effect.Effect<ChatTemplate, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const source = yield* chooseTemplate(files)
    const program = yield* Effect.try({
      try: () => new Template(source).parsed,
      catch: (error) => unusable(error instanceof Error ? error.message : String(error))
    })
    // Where ordinary text gives the same single id, there is nothing to guard: line breaks and indents that some tokenizers add.
    const guardable = yield* inSlices(function* (): Steps<ReadonlyArray<AddedToken>> {
      const tokens: Array<AddedToken> = []
      for (const [at, token] of tokenizer.addedTokens.entries()) {
        const ids = tokenizer.encodeText(token.content)
        if (ids.length !== 1 || ids[0] !== token.id) tokens.push(token)
        if (at % 64 === 63) yield
      }
      return tokens
    })
    const finder = makeAddedTokenFinder(guardable)
    const split = splitRendered(tokenizer)
    const ownTexts = [source, ...tokenizer.addedTokens.map((token) => token.content)]

    const run = (
      messages: ReadonlyArray<TemplateMessage>,
      { addGenerationPrompt = true, now, partsJoinedBy, variables = {} }: RenderOptions
    ): ReadonlyArray<PromptPiece> | OptionInvalid => {
      const refuse = (message: string) => new OptionInvalid({ stage: "plan", option: "messages", message })
      const unused = unusedCharacters([...ownTexts, ...stringsOf(messages), ...stringsOf(variables)], 2)
      const stranger = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content)).find(({ type }) => type !== "text" && type !== "bare")
      if (partsJoinedBy !== undefined && stranger !== undefined) return refuse(`the chat template takes text alone, and a part is of type ${stranger.type}`)
      if (unused === undefined) return refuse("the prompt holds every private-use character there is, so that none is left to mark its text with")
      const [guard, place] = unused
      const guarded = (text: string) => finder.guarded(text, guard)
      const placeOf = (index: unknown) => `${place}${String(index)}${place}`
      const contentOf = (content: TemplateMessage["content"]) => {
        if (typeof content === "string") return guarded(content)
        if (partsJoinedBy !== undefined)
          return content.map((part) => (part.type === "bare" ? placeOf(part.index) : guarded("text" in part ? String(part.text) : ""))).join(partsJoinedBy)
        return content.map((part) => {
          if (part.type === "bare") return { type: "text", text: placeOf(part.index) }
          const { type, ...fields } = part
          return { type, ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, mapStrings(value, guarded)])) }
        })
      }
      const environment = new Environment()
      const globals: Readonly<Record<string, unknown>> = {
        true: true,
        True: true,
        false: false,
        False: false,
        none: null,
        None: null,
        range,
        raise_exception: (message: unknown) => {
          throw new Refused(String(message))
        },
        strftime_now: (format: unknown) => strftime(now ?? new Date(), String(format)),
        tools: null,
        documents: null,
        ...tokenizer.named,
        ...variables,
        add_generation_prompt: addGenerationPrompt,
        messages: messages.map(({ content, role }) => ({ role, content: contentOf(content) }))
      }
      let rendered: unknown
      try {
        for (const [name, value] of Object.entries(globals)) environment.set(name, value)
        rendered = new Interpreter(environment).run(program).value
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        return refuse(
          error instanceof Refused ? `the chat template refuses these messages: ${message}` : `the chat template fails on these messages: ${message}`
        )
      }
      if (typeof rendered !== "string") return refuse("the chat template gave no text")
      const pieces = split(rendered, guard, place)
      const wanted = messages
        .flatMap(({ content }) => (typeof content === "string" ? [] : content))
        .flatMap((part) => (part.type === "bare" ? [part.index] : []))
      const found = pieces.flatMap((piece) => (piece._tag === "Bare" ? [piece.index] : []))
      if (wanted.toSorted().join() !== found.toSorted().join())
        return refuse("the chat template does not show every text part once, so a medium that it does not know has no place")
      return pieces
    }
    return {
      source,
      render: (messages, options = {}) =>
        Effect.suspend(() => {
          const pieces = run(messages, options)
          return pieces instanceof OptionInvalid ? Effect.fail(pieces) : Effect.succeed(pieces)
        })
    }
  })
