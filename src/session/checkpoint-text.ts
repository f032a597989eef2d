import { Effect } from "effect"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import type { CheckpointUnreadable } from "../core/errors.ts"
import { type ChatTemplate, openChatTemplate } from "../text/chat-template.ts"
import { openTokenizer, type Tokenizer } from "../text/tokenizer.ts"

/** Where a family's reference looks for a chat template. */
export interface TextOptions {
  /** The processor's own, where its files hold none; the tokenizer's template is then not asked. */
  readonly processorTemplate?: string
}

/** Opens a checkpoint's tokenizer alone: for families whose checkpoints carry no template. */
export const openTokenizerOf = (checkpoint: Checkpoint): Effect.Effect<Tokenizer, CheckpointUnreadable> =>
  Effect.gen(function* () {
    return yield* openTokenizer({ tokenizerJson: yield* checkpoint.json("tokenizer.json"), tokenizerConfig: yield* checkpoint.json("tokenizer_config.json") })
  })

/** Opens a checkpoint's tokenizer and chat template, wherever it keeps them. */
export const openText = (
  checkpoint: Checkpoint,
  { processorTemplate }: TextOptions = {}
): Effect.Effect<{ readonly tokenizer: Tokenizer; readonly template: ChatTemplate }, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const tokenizerConfig = yield* checkpoint.json("tokenizer_config.json")
    const tokenizer = yield* openTokenizerOf(checkpoint)
    const template = yield* openChatTemplate(
      {
        jinja: yield* checkpoint.text("chat_template.jinja"),
        json: [
          yield* checkpoint.json("chat_template.json"),
          yield* checkpoint.json("processor_config.json"),
          processorTemplate === undefined ? tokenizerConfig : { chat_template: processorTemplate }
        ]
      },
      tokenizer
    )
    return { tokenizer, template }
  })
