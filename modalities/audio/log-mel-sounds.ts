import { Effect, Option, Stream } from "effect"
import { type EmbeddingProducer, make, type NoSettings } from "../../src/core/embedding-producer.ts"
import type { FeatureStages, MediaPlan } from "../../src/core/media-plan.ts"
import { Workers } from "../../src/worker/workers.ts"
import { type AudioMedia, isAudioMedia, sampleRateHz } from "./audio-media.ts"
import { logMel, type LogMelSettings, melFrames, windowSamples } from "./log-mel.ts"
import { firstSamples, heardSamples } from "./long-audio.ts"

/** What the producer of recordings as Whisper's log-mel is made with. */
export interface LogMelSoundParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly workers: Workers["Service"]
  readonly mel: LogMelSettings
  /** Mel frames of a block at the most. */
  readonly blockFrames: number
  /** Embeddings of a window's mel frames. */
  readonly rowsOf: (frames: number) => number
  /** Mel, a window's blocks one after the other, to embedding chunks. */
  readonly encode: (features: Parameters<FeatureStages["fromFeatures"]>[0], plan: MediaPlan) => ReturnType<FeatureStages["fromFeatures"]>
}

/** Recordings and the sound of clips as Whisper's log-mel, the extractor's window by window. Option: `longAudio`. */
export const logMelSounds = ({ blockFrames, encode, id, mel, rowsOf, width, workers }: LogMelSoundParts): EmbeddingProducer<NoSettings> => {
  const window = windowSamples(mel)
  const rowsOfWindows = (samples: number): ReadonlyArray<number> =>
    Array.from({ length: Math.ceil(samples / window) }, (_, i) => rowsOf(melFrames(Math.min(window, samples - i * window), mel)))
  const sum = (rows: ReadonlyArray<number>) => rows.reduce((all, one) => all + one, 0)
  return make<AudioMedia, NoSettings, MediaPlan>({
    modality: "audio",
    id,
    width,
    accepts: (media) => (isAudioMedia(media) ? Option.some(media) : Option.none()),
    // By the container's own duration, less a tenth: it may say a little more than the file holds.
    atLeast: (media) => sum(rowsOfWindows(Math.floor(media.seconds * sampleRateHz * 0.9))),
    plan: (media, _, common) =>
      Effect.map(heardSamples(media, window), (samples): MediaPlan => {
        const rows = rowsOfWindows(samples)
        return {
          ...common,
          form: "rows",
          levels: 0,
          rows: sum(rows),
          pieces: rows.length > 1 ? rows.map((count, i) => ({ rows: count, atSeconds: i * mel.windowSeconds })) : [{ rows: sum(rows), atSeconds: 0 }]
        }
      }),
    encode: {
      features: (media) =>
        logMel(media.options.longAudio === "cut" ? firstSamples(media.samples, window) : media.samples, mel, blockFrames).pipe(
          Stream.provideService(Workers, workers)
        ),
      fromFeatures: encode
    }
  })
}
