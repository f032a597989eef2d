import { Effect } from "effect"
import type { EmbeddingProducer } from "../../core/embedding-producer.ts"
import { OptionInvalid } from "../../core/errors.ts"
import type { Part } from "../../core/prompt.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import { LayoutBuilder } from "../../session/layout-builder.ts"
import { planParts } from "../../session/plan-parts.ts"
import { templateMessages } from "../../session/prompt-pieces.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"
import { clipWithSound, type MarkerIds, mediaSegment } from "./layout.ts"
import type { TimeScale } from "./positions.ts"

/** Nothing in the prompt changes what one medium becomes. */
export type NoSettings = Readonly<Record<string, never>>

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly markers: MarkerIds
  /** Placeholder tokens that the template writes for media, by modality. */
  readonly placeholders: Readonly<Record<string, number>>
  readonly scale: TimeScale
}

/**
 * Lays a prompt out as `Qwen2_5OmniProcessor` does. A clip with sound replaces the marker pair around its placeholder by two pairs;
 * other media stand between the template's own pair.
 */
export const planner = ({ markers, placeholders, producers, scale, template, tokenizer }: PlannerParts): PromptPlanner => ({
  plan: (prompt) => Effect.gen(function*() {
    const parts = yield* planParts(prompt, producers, (): NoSettings => ({}))
    const { bare, messages, placed } = templateMessages(prompt.messages, Object.keys(placeholders))
    const pieces = yield* template.render(messages, { addGenerationPrompt: true })
    const layout = new LayoutBuilder()
    const add = (part: Part) => {
      for (const index of parts.of(part)) if (parts.media[index].plan.rows > 0) layout.segment(mediaSegment(parts.media[index].plan, index))
    }
    // Sound too short for a row of its own (1 or 2 mel frames) raises in the reference: the clip stands alone.
    const hasSound = (part: Part | undefined) => part !== undefined && parts.of(part).length === 2 && parts.media[parts.of(part)[1]].plan.rows > 0
    const isPlaceholder = (id: number) => Object.values(placeholders).includes(id)
    let next = 0
    pieces.forEach((piece, at) => {
      if (piece._tag === "Text") layout.text(piece.text)
      else if (piece._tag === "Bare") add(bare[piece.index])
      else if (isPlaceholder(piece.id)) {
        const part = placed[next++]
        if (part === undefined) return
        if (!hasSound(part)) return add(part)
        const [video, sound] = parts.of(part)
        layout.segment(clipWithSound(parts.media[video].plan, video, parts.media[sound].plan, sound, markers, scale))
      } else {
        // The pair around a clip with sound is part of the interleaved segment.
        const before = pieces[at + 1]
        const after = pieces[at - 1]
        const opens = piece.id === markers.visionStart && before?._tag === "Control" && isPlaceholder(before.id) && hasSound(placed[next])
        const closes = piece.id === markers.visionEnd && after?._tag === "Control" && isPlaceholder(after.id) && hasSound(placed[next - 1])
        if (!opens && !closes) layout.control(piece.id)
      }
    })
    if (next !== placed.length) {
      return yield* new OptionInvalid({ stage: "plan", option: "messages", message: `the chat template has places for ${next} media, the prompt has ${placed.length}` })
    }
    return { media: parts.media, layout: yield* layout.build((text) => tokenizer.encode(text)), adapter: "none" }
  })
})
