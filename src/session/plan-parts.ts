import { Effect } from "effect"
import type { EmbeddingProducer } from "../core/embedding-producer.ts"
import { ContextOverflow, type PlanError, PlanMismatch, UnsupportedMedia } from "../core/errors.ts"
import type { MediaPlan, PlannedMedia } from "../core/media-plan.ts"
import type { Part, Prompt } from "../core/prompt.ts"
import type { Media } from "../core/source.ts"
import { planOnlyKey } from "./open-graphs.ts"

/** Every part's media, planned, in the order of the prompt. */
export interface PlannedParts {
  readonly media: ReadonlyArray<PlannedMedia>
  /** Indexes into `media` of one part: none for text, two for a clip with its sound. */
  readonly of: (part: Part) => ReadonlyArray<number>
}

/** A part's medium, and those of its tracks that the model has a producer for: a film is looked at without its sound by a model that hears nothing. */
const mediaOf = (part: Part, producers: ReadonlyArray<{ readonly modality: string }>): ReadonlyArray<Media> =>
  part._tag === "Media" ? [part.media, ...part.media.tracks.filter((track) => producers.some(({ modality }) => modality === track.modality))] : []

/** The producer of a medium's modality, whoever made it; fails with `UnsupportedMedia` that lists what there is. */
export const pick = <Settings>(
  producers: ReadonlyArray<EmbeddingProducer<Settings>>,
  media: Media
): Effect.Effect<EmbeddingProducer<Settings>, UnsupportedMedia> => {
  const producer = producers.find(({ modality }) => modality === media.modality)
  if (producer !== undefined) return Effect.succeed(producer)
  const known = [...new Set(producers.map(({ modality }) => modality))].join(", ")
  return Effect.fail(
    new UnsupportedMedia({
      stage: "plan",
      source: media.name,
      modality: media.modality,
      message: `${media.name}: this model does not take ${media.modality}; it takes text${known === "" ? " alone" : `, ${known}`}`
    })
  )
}

/** Kept rows must come of the encoder that the model has for their modality (which a model that was opened to plan only does not know), and have been made as this prompt would make them. */
const checkEncoder = (
  plan: MediaPlan,
  producers: ReadonlyArray<{ readonly modality: string; readonly id: string; readonly decided?: MediaPlan["settings"] }>
): Effect.Effect<void, PlanMismatch> => {
  const own = producers.find(({ modality }) => modality === plan.modality)
  return own === undefined
    ? Effect.void
    : own.id === plan.producer || own.id === planOnlyKey
      ? checkKept(plan, own.decided ?? {})
      : Effect.fail(
          new PlanMismatch({
            stage: "plan",
            setting: "encoder",
            kept: plan.producer,
            wanted: own.id,
            message: `${plan.source}: these ${plan.modality} rows were made by another encoder (${plan.producer}), this model has ${own.id}`
          })
        )
}

/**
 * Plans every part: media by the producer of their modality under `settings`, what is produced already as it is.
 * A prompt whose media need more rows than are left is refused before any of them is read.
 */
export const planParts = <Settings>(
  prompt: Prompt,
  producers: ReadonlyArray<EmbeddingProducer<Settings>>,
  settings: (media: Media) => Settings
): Effect.Effect<PlannedParts, PlanError> =>
  Effect.gen(function* () {
    const parts = prompt.messages.flatMap(({ content }) => content).filter(({ _tag }) => _tag !== "Text")
    let atLeast = 0
    for (const one of parts.flatMap((part) => mediaOf(part, producers))) atLeast += (yield* pick(producers, one)).atLeast(one, settings(one))
    if (prompt.rowsLeft !== undefined && atLeast > prompt.rowsLeft) {
      return yield* new ContextOverflow({
        stage: "plan",
        rowsNeeded: atLeast,
        rowsLeft: prompt.rowsLeft,
        message: `the media alone need at least ${atLeast} rows; the context has ${prompt.rowsLeft} left`
      })
    }
    const indexes = new Map<Part, ReadonlyArray<number>>()
    const media: Array<PlannedMedia> = []
    for (const [number, part] of parts.entries()) {
      if (part._tag === "Produced" && part.kept) yield* Effect.forEach(part.media, ({ plan }) => checkEncoder(plan, producers))
      const planned =
        part._tag === "Produced"
          ? part.media
          : yield* Effect.forEach(mediaOf(part, producers), (one) =>
              Effect.flatMap(pick(producers, one), (producer) => producer.plan(one, number, settings(one)))
            )
      indexes.set(
        part,
        planned.map((_, i) => media.length + i)
      )
      media.push(...planned.map((one) => ({ ...one, plan: { ...one.plan, part: number } })))
    }
    return { media, of: (part) => indexes.get(part) ?? [] }
  })

/** Rows kept from an earlier encode must have been made as this prompt would make them; else `PlanMismatch`. */
export const checkKept = (plan: MediaPlan, wanted: MediaPlan["settings"]): Effect.Effect<void, PlanMismatch> => {
  for (const [setting, value] of Object.entries(wanted)) {
    const kept = plan.settings[setting]
    if (kept !== value) {
      return Effect.fail(
        new PlanMismatch({
          stage: "plan",
          setting,
          kept: String(kept),
          wanted: String(value),
          message: `${plan.source}: kept rows were made with ${setting} ${kept}, this prompt needs ${value}`
        })
      )
    }
  }
  return Effect.void
}
