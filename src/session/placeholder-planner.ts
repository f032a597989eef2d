import { Effect } from "effect"
import type { EmbeddingProducer, NoSettings } from "../core/embedding-producer.ts"
import { OptionInvalid } from "../core/errors.ts"
import type { MediaPlan } from "../core/media-plan.ts"
import type { Part, Prompt } from "../core/prompt.ts"
import type { PromptPlanner } from "../core/prompt-plan.ts"
import type { ChatTemplate } from "../text/chat-template.ts"
import type { Tokenizer } from "../text/tokenizer.ts"
import { LayoutBuilder } from "./layout-builder.ts"
import { mediaSegment } from "./media-segment.ts"
import { planParts } from "./plan-parts.ts"
import { templateMessages } from "./prompt-pieces.ts"

/** One planned medium of a part, and its index in the prompt's plan. */
export interface PlacedMedia {
  readonly plan: MediaPlan
  readonly index: number
}

/** How a family lays prompts out whose template writes one placeholder token a medium. */
export interface PlaceholderTemplate {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  /** Placeholder tokens that the template writes for media, by modality. */
  readonly placeholders: Readonly<Record<string, number>>
  /** Marker tokens that the template writes around a placeholder; absent: it writes none. */
  readonly markers?: { readonly start: number; readonly end: number }
  /** Whether what is laid out for these media has markers of its own: the template's pair around them is left out. Default: never. */
  readonly bringsMarkers?: (media: ReadonlyArray<PlacedMedia>) => boolean
  /** The template that takes the place of `template` for these messages; default: none does. */
  readonly templateFor?: (messages: Prompt["messages"]) => ChatTemplate | undefined
  /** Whether the template takes every message's content as a list of parts, also where it is one text. */
  readonly partsOnly?: boolean
  /** Lays out the media of one part that brings its markers. */
  readonly place?: (layout: LayoutBuilder, media: ReadonlyArray<PlacedMedia>) => void
}

/** A planner that puts each medium where the template wrote its placeholder; a medium whose modality the template has no word for stands bare. */
export const placeholderPlanner = ({ bringsMarkers, markers, partsOnly = false, place, placeholders, producers, template, templateFor, tokenizer }: PlaceholderTemplate): PromptPlanner => ({
  plan: (prompt) => Effect.gen(function*() {
    const parts = yield* planParts(prompt, producers, (): NoSettings => ({}))
    const { bare, messages, placed } = templateMessages(prompt.messages, Object.keys(placeholders), partsOnly)
    const pieces = yield* (templateFor?.(prompt.messages) ?? template).render(messages, { addGenerationPrompt: true })
    const layout = new LayoutBuilder()
    const mediaOf = (part: Part): ReadonlyArray<PlacedMedia> => parts.of(part).map((index) => ({ plan: parts.media[index].plan, index }))
    const add = (part: Part) => {
      for (const { index, plan } of mediaOf(part)) if (plan.rows > 0) layout.segment(mediaSegment(plan, index))
    }
    const brings = (part: Part | undefined) => part !== undefined && bringsMarkers?.(mediaOf(part)) === true
    const isPlaceholder = (id: number) => Object.values(placeholders).includes(id)
    let next = 0
    pieces.forEach((piece, at) => {
      if (piece._tag === "Text") layout.text(piece.text)
      else if (piece._tag === "Bare") {
        if (brings(bare[piece.index])) place?.(layout, mediaOf(bare[piece.index]))
        else add(bare[piece.index])
      }
      else if (isPlaceholder(piece.id)) {
        const part = placed[next++]
        if (part === undefined) return
        if (brings(part)) place?.(layout, mediaOf(part))
        else add(part)
      } else {
        const [before, after] = [pieces[at - 1], pieces[at + 1]]
        const opens = piece.id === markers?.start && after?._tag === "Control" && isPlaceholder(after.id) && brings(placed[next])
        const closes = piece.id === markers?.end && before?._tag === "Control" && isPlaceholder(before.id) && brings(placed[next - 1])
        if (!opens && !closes) layout.control(piece.id)
      }
    })
    if (next !== placed.length) {
      return yield* new OptionInvalid({ stage: "plan", option: "messages", message: `the chat template has places for ${next} media, the prompt has ${placed.length}` })
    }
    return { media: parts.media, layout: yield* layout.build((text) => tokenizer.encode(text)), adapter: "none" }
  })
})
