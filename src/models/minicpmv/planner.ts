import { Effect } from "effect"
import { isImageMedia } from "../../../modalities/image/image-media.ts"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import { LimitExceeded } from "../../core/errors.ts"
import type { Prompt } from "../../core/prompt.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import type { LayoutBuilder } from "../../session/layout-builder.ts"
import { pieceSegment } from "../../session/media-segment.ts"
import { type PlacedMedia, placeholderPlanner } from "../../session/placeholder-planner.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"

/** Ids of the marker tokens. */
export interface MarkerIds {
  readonly image: readonly [start: number, end: number]
  readonly slice: readonly [start: number, end: number]
  readonly id: readonly [start: number, end: number]
}

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly markers: MarkerIds
  /** Whether each medium's number, counted in its modality, stands in front of it. */
  readonly useId: Readonly<Record<string, boolean>>
  /** Placeholder tokens that the template writes (4.6); undefined: messages are strings, their parts joined by line breaks (2.6). */
  readonly placeholders: Readonly<Record<string, number>> | undefined
}

/** Number, overview, slices; line breaks between rows of slices, none in front of the first (`get_slice_image_placeholder`, `MiniCPMV4_6Processor.replace_image_token`). */
const place = (layout: LayoutBuilder, { index, ordinal, plan }: PlacedMedia, { markers, useId }: PlannerParts): void => {
  if (useId[plan.modality]) layout.control(markers.id[0]).text(String(ordinal)).control(markers.id[1])
  let from = 0
  plan.pieces.forEach((piece, i) => {
    const before = plan.pieces[i - 1]?.tile
    if (piece.tile !== undefined && before !== undefined && piece.tile[0] !== before[0]) layout.text("\n")
    const [start, end] = piece.tile === undefined ? markers.image : markers.slice
    layout
      .control(start)
      .segment(pieceSegment(plan, index, { rows: piece.rows }, from))
      .control(end)
    from += piece.rows
  })
}

/**
 * 2.6 takes the axis of the colours from the first picture of a prompt, and fails where it is 1 or 3 pixels high: that height could be the colours
 * (`infer_channel_dimension_format`).
 */
const checkFirst = ({ messages }: Prompt): Effect.Effect<void, LimitExceeded> => {
  const first = messages.flatMap(({ content }) => content).flatMap((part) => (part._tag === "Media" && isImageMedia(part.media) ? [part.media] : []))[0]
  return first === undefined || (first.height !== 1 && first.height !== 3)
    ? Effect.void
    : Effect.fail(
        new LimitExceeded({
          stage: "plan",
          source: first.name,
          limit: "height of the first picture",
          needed: first.height,
          allowed: 4,
          message: `${first.name}: ${first.width} x ${first.height} pixels; MiniCPM-V 2.6 does not read a first picture that is 1 or 3 pixels high`
        })
      )
}

/** Lays a prompt out as the published processors do. A token of id 0 in the prompt is seen like any other; the published chat() of 2.6 masks it, taking it for padding. */
export const planner = (parts: PlannerParts): PromptPlanner => {
  const { placeholders, producers, template, tokenizer } = parts
  const laidOut = placeholderPlanner({
    tokenizer,
    template,
    producers,
    placeholders: placeholders ?? {},
    ...(placeholders === undefined ? { partsJoinedBy: "\n" } : {}),
    bringsMarkers: ([first]) => first?.plan.modality === "image" || first?.plan.modality === "video",
    place: (layout, media) => media.forEach((one) => place(layout, one, parts))
  })
  return placeholders === undefined ? { plan: (prompt) => Effect.andThen(checkFirst(prompt), laidOut.plan(prompt)) } : laidOut
}
