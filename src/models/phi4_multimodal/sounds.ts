import { Effect, Option, Stream } from "effect"
import { type AudioMedia, isAudioMedia, sampleRateHz } from "../../../modalities/audio/audio-media.ts"
import { filterBank, filterBankFrames, type FilterBankSettings } from "../../../modalities/audio/filter-bank.ts"
import { longAudioOf } from "../../../modalities/audio/long-audio.ts"
import { type EmbeddingProducer, make } from "../../core/embedding-producer.ts"
import type { MediaPlan } from "../../core/media-plan.ts"
import { Workers } from "../../worker/workers.ts"
import type { AudioConfig } from "./audio-config.ts"
import type { Projection } from "./names.ts"
import { soundEncoder, type SoundGraphs, soundRows, STRETCH } from "./sound-encoder.ts"

/** What the rest of a prompt decides about sound. */
export type SoundUse = { readonly projection: Projection }

/** What the producer of recordings is made with. */
export interface SoundParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly config: AudioConfig
  readonly settings: FilterBankSettings
  readonly workers: Workers["Service"]
  readonly graphs: SoundGraphs
}

/**
 * Recordings of any length: the encoder takes them stretch by stretch as they come, each recording for itself (the reference pads recordings of one prompt to one
 * length and lets them look at the padding). `longAudio` changes nothing here.
 */
export const sounds = ({ config, graphs, id, settings, width, workers }: SoundParts): EmbeddingProducer<SoundUse> => {
  const encode = soundEncoder(graphs, config)
  const rowsOf = (samples: number) => soundRows(filterBankFrames(samples, settings), config)
  const secondsPerRow = (config.time_reduction * settings.hop) / sampleRateHz
  return make<AudioMedia, SoundUse, MediaPlan>({
    modality: "audio",
    id,
    width,
    accepts: (media) => (isAudioMedia(media) ? Option.some(media) : Option.none()),
    // By the container's own duration, less a tenth: it may say a little more than the file holds.
    atLeast: (media) => rowsOf(Math.floor(media.seconds * sampleRateHz * 0.9)),
    plan: (media, _, common) =>
      Effect.gen(function* () {
        yield* longAudioOf(media)
        const rows = rowsOf(yield* media.sampleCount)
        return {
          ...common,
          form: "rows",
          levels: 0,
          rows,
          pieces: Array.from({ length: Math.max(1, Math.ceil(rows / STRETCH)) }, (__, i) => ({
            rows: Math.min(STRETCH, rows - i * STRETCH),
            atSeconds: i * STRETCH * secondsPerRow
          }))
        }
      }),
    encode: {
      features: (media) => filterBank(media.samples, settings, STRETCH * config.time_reduction).pipe(Stream.provideService(Workers, workers)),
      fromFeatures: (features, plan) => encode(features, plan, plan.settings.projection === "vision" ? "vision" : "speech")
    }
  })
}
