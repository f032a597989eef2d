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
import { modalityOf, templateMessages } from "./prompt-pieces.ts"

/** One planned medium of a part, and its index in the prompt's plan. */
export interface PlacedMedia {
  readonly plan: MediaPlan
  readonly index: number
  /** Its number among the prompt's media of its modality, from 0. */
  readonly ordinal: number
}

/** How a family lays prompts out whose template writes one placeholder token a medium. */
export interface PlaceholderTemplate {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** A function where what media become depends on the rest of the prompt (see `withSettings`). */
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>> | ((messages: Prompt["messages"]) => ReadonlyArray<EmbeddingProducer<NoSettings>>)
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
  /** For templates whose messages hold strings: what stands between a message's parts. Media then stand bare. */
  readonly partsJoinedBy?: string
  /** Whether the reference's tokenizer puts its own tokens around the prompt (LLaMA's `<s>`), where the template has not written them. Default: the template writes all. */
  readonly around?: boolean
  /** Whether text behind a medium is tokenized in a call of its own (default: the whole prompt in one). */
  readonly callAfterMedia?: boolean
  /** Lays out the media of one part that brings its markers. */
  readonly place?: (layout: LayoutBuilder, media: ReadonlyArray<PlacedMedia>) => void
}

/** A planner that puts each medium where the template wrote its placeholder; a medium whose modality the template has no word for stands bare. */
export const placeholderPlanner = ({
  around = false,
  bringsMarkers,
  callAfterMedia = false,
  markers,
  partsJoinedBy,
  partsOnly = false,
  place,
  placeholders,
  producers,
  template,
  templateFor,
  tokenizer
}: PlaceholderTemplate): PromptPlanner => ({
  plan: (prompt) =>
    Effect.gen(function* () {
      const parts = yield* planParts(prompt, typeof producers === "function" ? producers(prompt.messages) : producers, (): NoSettings => ({}))
      const { bare, messages, placed } = templateMessages(prompt.messages, Object.keys(placeholders), partsOnly)
      const pieces = yield* (templateFor?.(prompt.messages) ?? template).render(messages, {
        addGenerationPrompt: true,
        ...(partsJoinedBy === undefined ? {} : { partsJoinedBy })
      })
      const layout = new LayoutBuilder()
      const ordinals = parts.media.map(({ plan: { modality } }, at) => parts.media.slice(0, at).filter(({ plan }) => plan.modality === modality).length)
      const mediaOf = (part: Part): ReadonlyArray<PlacedMedia> =>
        parts.of(part).map((index) => ({ plan: parts.media[index].plan, index, ordinal: ordinals[index] }))
      const add = (part: Part) => {
        for (const { index, plan } of mediaOf(part)) {
          if (plan.form === "memory")
            layout.segment({ _tag: "Memory", media: index, tokens: Int32Array.from(plan.modality in placeholders ? [placeholders[plan.modality]] : []) })
          else if (plan.rows > 0) layout.segment(mediaSegment(plan, index))
        }
      }
      const brings = (part: Part | undefined) => part !== undefined && bringsMarkers?.(mediaOf(part)) === true
      const modalityBehind = (id: number) => Object.keys(placeholders).find((modality) => placeholders[modality] === id)
      const isPlaceholder = (id: number) => modalityBehind(id) !== undefined
      // A template may put a message's pictures before its clips, whatever their order: each modality counts for itself.
      const queues = Map.groupBy(placed, modalityOf)
      const taken = new Map<string, number>()
      const placedFor = (id: number, ahead: number): Part | undefined => {
        const modality = modalityBehind(id) ?? ""
        return queues.get(modality)?.[(taken.get(modality) ?? 0) + ahead]
      }
      const { after = [], before = [] } = around ? tokenizer.around : {}
      const [opening] = pieces
      if (before.length > 0 && !(opening?._tag === "Control" && opening.id === before[0])) layout.control(...before)
      pieces.forEach((piece, at) => {
        if (piece._tag === "Text") layout.text(piece.text, piece.normalized)
        else if (piece._tag === "Bare") {
          if (brings(bare[piece.index])) place?.(layout, mediaOf(bare[piece.index]))
          else add(bare[piece.index])
        } else if (isPlaceholder(piece.id)) {
          const part = placedFor(piece.id, 0)
          const modality = modalityBehind(piece.id) ?? ""
          taken.set(modality, (taken.get(modality) ?? 0) + 1)
          if (part === undefined) return
          if (brings(part)) place?.(layout, mediaOf(part))
          else add(part)
        } else {
          const [previous, next] = [pieces[at - 1], pieces[at + 1]]
          const opens = piece.id === markers?.start && next?._tag === "Control" && brings(placedFor(next.id, 0))
          const closes = piece.id === markers?.end && previous?._tag === "Control" && brings(placedFor(previous.id, -1))
          if (!opens && !closes) layout.control(piece.id)
        }
      })
      if (after.length > 0) layout.control(...after)
      for (const modality of new Set([...queues.keys(), ...taken.keys()])) {
        const [places, media] = [taken.get(modality) ?? 0, queues.get(modality)?.length ?? 0]
        if (places !== media) {
          return yield* new OptionInvalid({
            stage: "plan",
            option: "messages",
            message: `the chat template has places for ${places} media of ${modality}, the prompt has ${media}`
          })
        }
      }
      return {
        media: parts.media,
        adapter: "none",
        layout: yield* layout.build((text, { afterMedia, index, normalized }) =>
          tokenizer.encode(text, { atStart: (index === 0 && opening?._tag === "Text") || (callAfterMedia && afterMedia), normalized })
        )
      }
    })
})
