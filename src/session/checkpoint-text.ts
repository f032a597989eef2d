import { Effect } from "effect"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import type { CheckpointUnreadable } from "../core/errors.ts"
import { type ChatTemplate, openChatTemplate } from "../text/chat-template.ts"
import { openTokenizer, type Tokenizer } from "../text/tokenizer.ts"
import { readGeneration, stopTokensOf } from "./generation-config.ts"
import type { GenerationDefaults } from "./model.ts"

/** What a family knows of its checkpoints' text. */
export interface ChatOptions {
  /** Names of tokens that end an answer, where generation_config.json has none. */
  readonly stops: ReadonlyArray<string>
  /** Jinja, for families whose checkpoints carry no template; nothing else is asked. */
  readonly template?: string
  /** The processor's own, where its files hold none; the tokenizer's template is then not asked. */
  readonly processorTemplate?: string
}

/** How a checkpoint is talked to. */
export interface Chat {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Tokens that end an answer; they are not part of it. */
  readonly stopTokens: ReadonlySet<number>
  /** How answers are sampled, as far as the checkpoint says. */
  readonly sampling: Partial<GenerationDefaults>
}

/** Opens a checkpoint's tokenizer alone. */
export const openTokenizerOf = (checkpoint: Checkpoint): Effect.Effect<Tokenizer, CheckpointUnreadable> =>
  Effect.gen(function* () {
    return yield* openTokenizer({ tokenizerJson: yield* checkpoint.json("tokenizer.json"), tokenizerConfig: yield* checkpoint.json("tokenizer_config.json") })
  })

/** A checkpoint's chat template, wherever it keeps it. */
const templateOf = (checkpoint: Checkpoint, tokenizer: Tokenizer, { processorTemplate }: ChatOptions) =>
  Effect.gen(function* () {
    const settings = processorTemplate === undefined ? yield* checkpoint.json("tokenizer_config.json") : { chat_template: processorTemplate }
    return yield* openChatTemplate(
      {
        jinja: yield* checkpoint.text("chat_template.jinja"),
        json: [yield* checkpoint.json("chat_template.json"), yield* checkpoint.json("processor_config.json"), settings]
      },
      tokenizer
    )
  })

/** Opens all that a checkpoint says of text: tokenizer, chat template, generation_config.json. Fails with `CheckpointUnreadable` where one is wrong or no token ends an answer. */
export const openChat = (checkpoint: Checkpoint, options: ChatOptions): Effect.Effect<Chat, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const generation = yield* readGeneration(checkpoint)
    const tokenizer = yield* openTokenizerOf(checkpoint)
    const template =
      options.template === undefined ? yield* templateOf(checkpoint, tokenizer, options) : yield* openChatTemplate({ jinja: options.template }, tokenizer)
    return { tokenizer, template, stopTokens: yield* stopTokensOf(checkpoint, generation, tokenizer, options.stops), sampling: generation.defaults }
  })
