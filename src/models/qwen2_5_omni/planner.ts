import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import { type PlacedMedia, placeholderPlanner } from "../../session/placeholder-planner.ts"
import type { ChatTemplate } from "../../text/chat-template.ts"
import type { Tokenizer } from "../../text/tokenizer.ts"
import { clipWithSound, type MarkerIds } from "./layout.ts"
import type { TimeScale } from "./positions.ts"

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

/** Sound too short for a row of its own (1 or 2 mel frames) raises in the reference: the clip stands alone. */
const hasSound = (media: ReadonlyArray<PlacedMedia>): boolean => media.length === 2 && media[1].plan.rows > 0

/**
 * Lays a prompt out as `Qwen2_5OmniProcessor` does. A clip with sound replaces the marker pair around its placeholder by two pairs;
 * other media stand between the template's own pair.
 */
export const planner = ({ markers, scale, ...rest }: PlannerParts): PromptPlanner =>
  placeholderPlanner({
    ...rest,
    markers: { start: markers.visionStart, end: markers.visionEnd },
    bringsMarkers: hasSound,
    place: (layout, [video, sound]) => {
      layout.segment(clipWithSound(video.plan, video.index, sound.plan, sound.index, markers, scale))
    }
  })
