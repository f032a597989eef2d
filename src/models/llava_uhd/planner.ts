import { Effect } from "effect"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import type { LayoutBuilder } from "../../session/layout-builder.ts"
import { pieceSegment } from "../../session/media-segment.ts"
import { type PlacedMedia, placeholderPlanner } from "../../session/placeholder-planner.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"

/** Tokens behind slices: in a row, and at its end. */
export interface Separators {
  readonly comma: number
  readonly lineBreak: number
}

/** The tokens of a comma and of a line break that stand right behind other text (29892 and 13 of LLaMA's vocabulary). Fails with `CheckpointUnreadable` where there are none. */
export const separatorsOf = (tokenizer: Tokenizer, folder: string): Effect.Effect<Separators, CheckpointUnreadable> => {
  const [lineBreak, comma] = tokenizer.encodeText("\n,").slice(-2)
  return tokenizer.decode([lineBreak]) === "\n" && tokenizer.decode([comma]) === ","
    ? Effect.succeed({ comma, lineBreak })
    : Effect.fail(
        new CheckpointUnreadable({
          stage: "load",
          path: folder,
          message: `${folder}: the tokenizer has no tokens of their own for a comma and a line break, which separate slices`
        })
      )
}

/** Slices, a comma behind each, a line break behind the last of a row; then the whole picture, and a line break of text (`prepare_inputs_labels_for_multimodal`). */
const place = (layout: LayoutBuilder, { index, plan }: PlacedMedia, { comma, lineBreak }: Separators): void => {
  let from = 0
  plan.pieces.forEach((piece, i) => {
    layout.segment(pieceSegment(plan, index, piece, from))
    from += piece.rows
    if (piece.tile !== undefined) layout.control(plan.pieces[i + 1]?.tile?.[0] === piece.tile[0] ? comma : lineBreak)
  })
  layout.text("\n")
}

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly separators: Separators
}

/** Lays a prompt out as the published conversation `v1` and its splice do: pictures stand where their parts are, and what follows one is tokenized alone. */
export const planner = ({ separators, ...rest }: PlannerParts): PromptPlanner =>
  placeholderPlanner({
    ...rest,
    placeholders: {},
    partsOnly: true,
    around: true,
    callAfterMedia: true,
    bringsMarkers: ([first]) => first?.plan.modality === "image",
    place: (layout, media) => media.forEach((one) => place(layout, one, separators))
  })
