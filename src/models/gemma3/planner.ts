import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import type { LayoutBuilder } from "../../session/layout-builder.ts"
import { pieceSegment } from "../../session/media-segment.ts"
import { type PlacedMedia, placeholderPlanner } from "../../session/placeholder-planner.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"
import type { GemmaConfig } from "./config.ts"

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly ids: GemmaConfig["ids"]
}

/** A picture between line breaks and markers, its rows seeing each other; with crops, between the words that the reference puts there (`Gemma3Processor.replace_image_token`). */
const place = (layout: LayoutBuilder, { index, plan }: PlacedMedia, ids: GemmaConfig["ids"]): void => {
  let from = 0
  plan.pieces.forEach((piece, i) => {
    if (plan.pieces.length > 1) layout.text(i === 0 ? "Here is the original image " : i === 1 ? " and here are some crops to help you see better " : " ")
    layout
      .text("\n\n")
      .control(ids.start)
      .segment(pieceSegment(plan, index, piece, from, "bidirectional"))
      .control(ids.end)
      .text("\n\n")
    from += piece.rows
  })
}

/** Lays a prompt out as `Gemma3Processor` does. The template writes the start marker where a picture stands. */
export const planner = ({ ids, ...rest }: PlannerParts): PromptPlanner =>
  placeholderPlanner({
    ...rest,
    placeholders: { image: ids.start },
    bringsMarkers: ([first]) => first?.plan.modality === "image",
    place: (layout, media) => media.forEach((one) => place(layout, one, ids))
  })
