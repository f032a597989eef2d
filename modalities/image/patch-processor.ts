import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts"
import { decodeConfig, int, number, record } from "../../src/checkpoint/config-fields.ts"
import { CheckpointUnreadable, OptionInvalid } from "../../src/core/errors.ts"
import type { MediaPlan } from "../../src/core/media-plan.ts"
import type { PatchSettings } from "./preprocess.ts"
import type { PixelSize } from "./rgb-image.ts"

/** Red, green, blue. */
export type Channels = readonly [red: number, green: number, blue: number]

/** Where a processor's arithmetic comes from: numpy and Pillow (transformers' slow image processors), or torchvision (its fast ones, and those of videos). */
export type ProcessorArithmetic = "pillow" | "torchvision"

/** How pictures or frames of any size become patches, as a checkpoint's processor has it (`Qwen2VLImageProcessor`, `Qwen2VLVideoProcessor`). */
export interface PatchProcessor {
  /** Pixels along a side of a patch. */
  readonly patchSize: number
  /** Frames in a patch. */
  readonly temporalPatchSize: number
  /** Patches along a side of a merge block. */
  readonly mergeSize: number
  readonly rescaleFactor: number
  readonly mean: Channels
  readonly std: Channels
  /** Least and most pixels after the resize, where the file says; of what, the family knows. */
  readonly minPixels?: number
  readonly maxPixels?: number
  /** Frames a second, where the file says. */
  readonly fps?: number
  readonly arithmetic: ProcessorArithmetic
}

const channels = (value: Channels) => Schema.Tuple([Schema.Finite, Schema.Finite, Schema.Finite]).pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const positive = Schema.optional(Schema.NullOr(Schema.Finite.check(Schema.isGreaterThan(0))))

/** OpenAI CLIP's mean and deviation: the processors' default. */
const ProcessorFile = Schema.Struct({
  min_pixels: positive,
  max_pixels: positive,
  size: Schema.optional(Schema.NullOr(Schema.Struct({ shortest_edge: positive, longest_edge: positive }))),
  fps: positive,
  patch_size: int(14),
  temporal_patch_size: int(2),
  merge_size: int(2),
  rescale_factor: number(1 / 255),
  image_mean: channels([0.48145466, 0.4578275, 0.40821073]),
  image_std: channels([0.26862954, 0.26130258, 0.27577711])
})

/** The sizes that the encoder was made for; a processor must cut such patches. */
export interface EncoderPatches {
  readonly patchSize: number
  readonly temporalPatchSize: number
  readonly merge: number
}

/** A checkpoint's processors of pictures and of clips. */
export interface PatchProcessors {
  readonly image: PatchProcessor
  readonly video: PatchProcessor
}

/**
 * Reads both in either layout: preprocessor_config.json and, where there is one, video_preprocessor_config.json (as published), or a
 * processor_config.json with a section each. What the clips' file leaves out is as for pictures, bounds and frame rate apart. Fails with
 * `CheckpointUnreadable` that names the field.
 */
export const readPatchProcessors = (
  checkpoint: Checkpoint,
  encoder: EncoderPatches,
  pictures: ProcessorArithmetic
): Effect.Effect<PatchProcessors, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const later = record(yield* checkpoint.json("processor_config.json"))
    const nested = "image_processor" in later || "feature_extractor" in later
    const image = record(nested ? later.image_processor : yield* checkpoint.json("preprocessor_config.json"))
    const video = record(nested && "video_processor" in later ? later.video_processor : yield* checkpoint.json("video_preprocessor_config.json"))
    const { fps: _fps, max_pixels: _most, min_pixels: _least, size: _size, ...shared } = image
    const read = (file: unknown, arithmetic: ProcessorArithmetic) =>
      Effect.gen(function* () {
        const path = `${checkpoint.folder}: processor settings`
        const one = yield* decodeConfig(ProcessorFile, file, path)
        for (const [field, found, wanted] of [
          ["patch_size", one.patch_size, encoder.patchSize],
          ["temporal_patch_size", one.temporal_patch_size, encoder.temporalPatchSize],
          ["merge_size", one.merge_size, encoder.merge]
        ] as const) {
          if (found !== wanted)
            return yield* new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} is ${found}; the encoder was made for ${wanted}` })
        }
        const bounds = {
          minPixels: one.min_pixels ?? one.size?.shortest_edge ?? undefined,
          maxPixels: one.max_pixels ?? one.size?.longest_edge ?? undefined,
          fps: one.fps ?? undefined
        }
        const processor: PatchProcessor = {
          patchSize: one.patch_size,
          temporalPatchSize: one.temporal_patch_size,
          mergeSize: one.merge_size,
          rescaleFactor: one.rescale_factor,
          mean: one.image_mean,
          std: one.image_std,
          arithmetic,
          ...(bounds.minPixels === undefined ? {} : { minPixels: bounds.minPixels }),
          ...(bounds.maxPixels === undefined ? {} : { maxPixels: bounds.maxPixels }),
          ...(bounds.fps === undefined ? {} : { fps: bounds.fps })
        }
        return processor
      })
    return { image: yield* read(image, pictures), video: yield* read({ ...shared, ...video }, "torchvision") }
  })

/** Pixels along a side of a merge block: sizes after the resize are multiples of it. */
export const factorOf = ({ mergeSize, patchSize }: PatchProcessor): number => patchSize * mergeSize

/** One 8-bit level after normalization, the largest of the three channels'. */
export const levelOf = ({ rescaleFactor, std }: PatchProcessor): number => rescaleFactor / Math.min(...std)

/** How pictures of `size` (after the resize) are cut. */
export const patchSettings = (
  { arithmetic, mean, mergeSize, patchSize, rescaleFactor, std, temporalPatchSize }: PatchProcessor,
  size: PixelSize
): PatchSettings => ({
  patchSize,
  temporalPatchSize,
  mergeSize,
  size,
  resample: { filter: "bicubic", rounding: arithmetic },
  normalization: { mean, std, rescaleFactor, order: arithmetic === "pillow" ? "separate" : "fused" }
})

/** An option in pixels: a whole number above 0, or the default. Fails with `OptionInvalid`. */
export const pixelsOption = (options: MediaPlan["settings"], name: string, otherwise: number): Effect.Effect<number, OptionInvalid> => {
  const value = options[name] ?? otherwise
  return typeof value === "number" && Number.isInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(new OptionInvalid({ stage: "plan", option: name, message: `${name} is ${value}; it must be a whole number above 0` }))
}
