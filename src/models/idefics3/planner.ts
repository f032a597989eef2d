import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import type { LayoutBuilder } from "../../session/layout-builder.ts"
import { pieceSegment } from "../../session/media-segment.ts"
import { type PlacedMedia, placeholderPlanner } from "../../session/placeholder-planner.ts"
import { modalityOf } from "../../session/prompt-pieces.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"
import { numberWords } from "./number-words.ts"

/** What the planner lays prompts out with. */
export interface PlannerParts {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Takes the checkpoint's template's place where a prompt has a clip. */
  readonly clipTemplate: ChatTemplate
  readonly producers: ReadonlyArray<EmbeddingProducer<NoSettings>>
  readonly ids: { readonly row: number; readonly fake: number }
}

/** What SmolVLM's processor renders prompts with that have a clip (`DEFAULT_CHAT_TEMPLATE` of transformers' `processing_smolvlm`). */
export const clipTemplate =
  "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}" +
  "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}{% elif line['type'] == 'image' %}{{ '<image>' }}{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}" +
  "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"

const two = (value: number): string => String(value).padStart(2, "0")

/** Whole units in seconds, and what is left. */
const divided = (seconds: number, unit: number): readonly [number, number] => [Math.round((seconds - (seconds % unit)) / unit), seconds % unit]

/** Minutes and seconds, both cut off: `02:05`. */
const minutes = (seconds: number): string => {
  const [whole, rest] = divided(seconds, 60)
  return `${two(whole)}:${two(Math.floor(rest))}`
}

/** Python's `str(timedelta(seconds=...))`: `0:02:05`, `1 day, 0:00:00`. */
const duration = (seconds: number): string => {
  const [days, rest] = divided(Math.floor(seconds), 86400)
  return `${days === 0 ? "" : `${days} day${days === 1 ? "" : "s"}, `}${Math.floor(rest / 3600)}:${two(Math.floor((rest % 3600) / 60))}:${two(rest % 60)}`
}

/** Lays pictures and clips out (`Idefics3Processor.replace_image_token`, `SmolVLMProcessor.replace_video_token`). */
const placeMedia = (layout: LayoutBuilder, { index, plan }: PlacedMedia, { ids, tokenizer }: PlannerParts): void => {
  let from = 0
  /** One tile after its marker and its name, which is a token in SmolVLM and text in Idefics3. */
  const tile = (piece: (typeof plan.pieces)[number], name: string) => {
    const id = tokenizer.controlId(name)
    layout.control(ids.fake)
    if (id === undefined) layout.text(name)
    else layout.control(id)
    layout.segment(pieceSegment(plan, index, { rows: piece.rows }, from))
    from += piece.rows
  }
  const whole = (piece: (typeof plan.pieces)[number]) => {
    tile(piece, "<global-img>")
    layout.control(ids.fake)
  }
  if (plan.modality === "video") {
    const seconds = plan.seconds ?? plan.pieces.at(-1)?.atSeconds ?? 0
    layout.text(`You are provided the following series of ${numberWords(plan.pieces.length)} frames from a ${duration(seconds)} [H:MM:SS] video.\n`)
    for (const piece of plan.pieces) {
      layout.text(`\nFrame from ${minutes(piece.atSeconds ?? 0)}:`)
      whole(piece)
    }
    layout.text("\n\n")
    return
  }
  plan.pieces.forEach((piece, i) => {
    if (piece.tile === undefined) {
      if (i > 0) layout.text("\n")
      whole(piece)
      return
    }
    const [row, column] = piece.tile
    tile(piece, `<row_${row + 1}_col_${column + 1}>`)
    if (plan.pieces[i + 1]?.tile?.[0] !== row) layout.text("\n")
  })
}

/** Lays a prompt out as `Idefics3Processor` and `SmolVLMProcessor` do. */
export const planner = (parts: PlannerParts): PromptPlanner =>
  placeholderPlanner({
    tokenizer: parts.tokenizer,
    template: parts.template,
    producers: parts.producers,
    placeholders: { image: parts.ids.row },
    partsOnly: true,
    templateFor: (messages) => (messages.some(({ content }) => content.some((part) => modalityOf(part) === "video")) ? parts.clipTemplate : undefined),
    bringsMarkers: ([first]) => first?.plan.modality === "image" || first?.plan.modality === "video",
    place: (layout, media) => media.forEach((one) => placeMedia(layout, one, parts))
  })
