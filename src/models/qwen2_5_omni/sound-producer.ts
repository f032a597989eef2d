import { Effect, Option, Stream } from "effect"
import { type AudioMedia, isAudioMedia, sampleRateHz } from "../../../modalities/audio/audio-media.ts"
import { logMel, type LogMelSettings, melFrames, windowSamples } from "../../../modalities/audio/log-mel.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../core/embedding-producer.ts"
import { LimitExceeded, OptionInvalid } from "../../core/errors.ts"
import type { MediaPlan } from "../../core/media-plan.ts"
import { Workers } from "../../worker/workers.ts"
import { type AudioEncoder, encodeAudio, WINDOWS_A_RUN } from "./audio-encoder.ts"
import { soundRows } from "./sound-rows.ts"
import type { SoundSettings } from "./sound-settings.ts"

/** What the producer of recordings is made with. */
export interface SoundProducerParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly settings: SoundSettings
  readonly workers: Workers["Service"]
  readonly encoder: AudioEncoder
}

/** What becomes of sound longer than the extractor's window; `cut` is what the reference does, and what only `verify` asks for. */
const longAudioOf = (media: AudioMedia): Effect.Effect<"refuse" | "windows" | "cut", OptionInvalid> => {
  const { longAudio = "refuse" } = media.options
  return longAudio === "refuse" || longAudio === "windows" || longAudio === "cut"
    ? Effect.succeed(longAudio)
    : Effect.fail(new OptionInvalid({ stage: "plan", option: "longAudio", message: `longAudio is ${longAudio}; it is "refuse" or "windows"` }))
}

/** The first `most` samples. */
const firstSamples = <E, R>(samples: Stream.Stream<Float32Array<ArrayBuffer>, E, R>, most: number): Stream.Stream<Float32Array<ArrayBuffer>, E, R> => Stream.suspend(() => {
  let left = most
  return samples.pipe(
    Stream.rechunk(1),
    Stream.map((chunk) => {
      const part = chunk.subarray(0, left)
      left -= part.length
      return part
    }),
    Stream.takeUntil(() => left === 0)
  )
})

/** Recordings and the sound of clips: Whisper's log-mel, encoded window by window. */
export const soundProducer = ({ encoder, id, settings, width, workers }: SoundProducerParts): EmbeddingProducer<NoSettings> => {
  const mel: LogMelSettings = {
    bins: settings.feature_size, fftSize: settings.n_fft, hop: settings.hop_length, sampleRateHz: settings.sampling_rate, windowSeconds: settings.chunk_length
  }
  const window = windowSamples(mel)
  /** Rows of each of the extractor's windows. */
  const rowsOfWindows = (samples: number): ReadonlyArray<number> =>
    Array.from({ length: Math.ceil(samples / window) }, (_, i) => soundRows(melFrames(Math.min(window, samples - i * window), mel)))
  const sum = (rows: ReadonlyArray<number>) => rows.reduce((all, one) => all + one, 0)
  return make<AudioMedia, NoSettings, MediaPlan>({
    modality: "audio", id, width,
    accepts: (media) => isAudioMedia(media) ? Option.some(media) : Option.none(),
    // By the container's own duration, less a tenth: it may say a little more than the file holds.
    atLeast: (media) => sum(rowsOfWindows(Math.floor(media.seconds * sampleRateHz * 0.9))),
    plan: (media, _, common) => Effect.gen(function*() {
      const longAudio = yield* longAudioOf(media)
      const counted = yield* media.sampleCount
      if (counted > window && longAudio === "refuse") {
        return yield* new LimitExceeded({
          stage: "plan", source: media.name, limit: "seconds of sound", needed: counted / sampleRateHz, allowed: settings.chunk_length,
          message: `${media.name}: ${(counted / sampleRateHz).toFixed(1)} s of sound; the encoder's window holds ${settings.chunk_length} s. longAudio: "windows" encodes it window by window`
        })
      }
      const rows = rowsOfWindows(longAudio === "cut" ? Math.min(window, counted) : counted)
      return {
        ...common, form: "rows", levels: 0, rows: sum(rows),
        pieces: rows.length > 1 ? rows.map((count, i) => ({ rows: count, atSeconds: i * settings.chunk_length })) : [{ rows: sum(rows), atSeconds: 0 }]
      }
    }),
    encode: {
      features: (media) => logMel(media.options.longAudio === "cut" ? firstSamples(media.samples, window) : media.samples, mel, encoder.windowFrames * WINDOWS_A_RUN).pipe(Stream.provideService(Workers, workers)),
      fromFeatures: (features, plan) => encodeAudio(encoder, features, plan)
    }
  })
}
