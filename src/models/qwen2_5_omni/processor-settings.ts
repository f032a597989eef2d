import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

const int = (value: number) => Schema.Int.pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const number = (value: number) => Schema.Finite.pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const three = (...values: readonly [number, number, number]) => Schema.Array(Schema.Finite).pipe(Schema.withDecodingDefault(Effect.succeed(values)))

/** Settings of Qwen2VLImageProcessor; OpenAI CLIP's mean and deviation by default. */
const ImageSettings = Schema.Struct({
  min_pixels: Schema.optional(Schema.NullOr(Schema.Int)),
  max_pixels: Schema.optional(Schema.NullOr(Schema.Int)),
  size: Schema.optional(Schema.NullOr(Schema.Struct({ shortest_edge: Schema.optional(Schema.Int), longest_edge: Schema.optional(Schema.Int) }))),
  patch_size: int(14),
  temporal_patch_size: int(2),
  merge_size: int(2),
  rescale_factor: number(1 / 255),
  image_mean: three(0.48145466, 0.4578275, 0.40821073),
  image_std: three(0.26862954, 0.26130258, 0.27577711)
})

/** Settings of WhisperFeatureExtractor. */
const SoundSettings = Schema.Struct({
  feature_size: int(128),
  sampling_rate: int(16000),
  hop_length: int(160),
  n_fft: int(400),
  /** Seconds of the extractor's window. */
  chunk_length: int(300)
})

/** Settings of pictures, of frames, and of sound. */
export interface ProcessorSettings {
  readonly image: typeof ImageSettings.Type & { readonly minPixels: number; readonly maxPixels: number }
  /** Bounds of one frame, and frames a second. */
  readonly video: { readonly minPixels: number; readonly maxPixels: number; readonly fps: number; readonly minFrames: number; readonly maxFrames: number }
  readonly sound: typeof SoundSettings.Type
}

/** What the published utility (qwen-omni-utils 0.0.8) does with a clip where nobody says otherwise. */
const PUBLISHED_VIDEO = { minPixels: 128 * 28 * 28, maxPixels: 768 * 28 * 28, fps: 2, minFrames: 4, maxFrames: 768 }

const record = (value: unknown): Readonly<Record<string, unknown>> => typeof value === "object" && value !== null ? { ...value } : {}

/**
 * Reads the settings in either layout: one preprocessor_config.json for pictures and sound (as published), or a processor_config.json
 * with a section each. A video_preprocessor_config.json with `min_pixels`, `max_pixels` or `fps` changes the defaults for clips.
 */
export const readProcessorSettings = (checkpoint: Checkpoint): Effect.Effect<ProcessorSettings, CheckpointUnreadable> => Effect.gen(function*() {
  const file = (name: string) => Effect.map(checkpoint.json(name), (json) => json === undefined ? undefined : record(json))
  const later = yield* file("processor_config.json")
  const published = yield* file("preprocessor_config.json")
  const clips = (yield* file("video_preprocessor_config.json")) ?? {}
  const nested = later !== undefined && ("image_processor" in later || "feature_extractor" in later)
  const decode = <S extends Schema.Codec<unknown, unknown>>(schema: S, value: unknown): Effect.Effect<S["Type"], CheckpointUnreadable> =>
    Effect.mapError(Schema.decodeUnknownEffect(schema)(value), (error) => new CheckpointUnreadable({
      stage: "load", path: checkpoint.folder, message: `${checkpoint.folder}: processor settings: ${error.message}`
    }))
  const image = yield* decode(ImageSettings, record(nested ? later.image_processor : published))
  const sound = yield* decode(SoundSettings, record(nested ? later.feature_extractor : published))
  const bound = (value: unknown, otherwise: number) => typeof value === "number" && value > 0 ? value : otherwise
  return {
    image: {
      ...image,
      minPixels: image.min_pixels ?? image.size?.shortest_edge ?? 56 * 56,
      maxPixels: image.max_pixels ?? image.size?.longest_edge ?? 28 * 28 * 1280
    },
    video: {
      ...PUBLISHED_VIDEO,
      minPixels: bound(clips.min_pixels, PUBLISHED_VIDEO.minPixels), maxPixels: bound(clips.max_pixels, PUBLISHED_VIDEO.maxPixels), fps: bound(clips.fps, PUBLISHED_VIDEO.fps)
    },
    sound
  }
})
