import { Effect } from "effect"
import { type EmbeddingProducer, type NoSettings, withSettings } from "../../core/embedding-producer.ts"
import type { Prompt } from "../../core/prompt.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { modalityOf } from "../../session/prompt-pieces.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"
import type { SoundUse } from "./sounds.ts"

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Those that nothing in a prompt changes, a user's own first. */
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly sounds: EmbeddingProducer<SoundUse>
  readonly placeholders: { readonly image: number; readonly audio: number }
  /** Names of the LoRA sets that the checkpoint has. */
  readonly adapters: ReadonlyArray<string>
}

const sees = (messages: Prompt["messages"]): boolean => messages.some(({ content }) => content.some((part) => modalityOf(part) === "image"))

/** The LoRA set for a prompt with these media: any picture asks for `vision`, sound alone for `speech`, text alone for none. */
export const adapterFor = (modalities: ReadonlyArray<string>): string =>
  modalities.includes("image") ? "vision" : modalities.includes("audio") ? "speech" : "none"

/**
 * Lays a prompt out as `Phi4MultimodalProcessor` does; a picture anywhere in it changes the projection of all sound, and the LoRA set. The published template takes
 * strings, in which media stand where the person put them.
 */
export const planner = ({ adapters, placeholders, producers, sounds, template, tokenizer }: PlannerParts): PromptPlanner => {
  const takesLists = /\btype\b/.test(template.source)
  const laidOut = placeholderPlanner({
    tokenizer,
    template,
    around: true,
    producers: (messages) => [...producers, withSettings(sounds, { projection: sees(messages) ? "vision" : "speech" })],
    ...(takesLists ? { placeholders } : { placeholders: {}, partsJoinedBy: "" })
  })
  return {
    plan: (prompt) =>
      Effect.map(laidOut.plan(prompt), (plan) => {
        const adapter = adapterFor(plan.media.map(({ plan: { modality } }) => modality))
        return { ...plan, adapter: adapters.includes(adapter) ? adapter : "none" }
      })
  }
}
