import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts"
import { decodeConfig, flag, int, number, record } from "../../src/checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../src/core/errors.ts"
import type { Normalization } from "./normalization.ts"
import type { FilterName } from "./resample-filter.ts"
import type { ResampleSettings } from "./resample.ts"

/** Pillow's numbers of its filters, as processors' files have them. */
const filters: ReadonlyArray<FilterName> = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]

/** What every processor of pictures says, whatever it cuts them into. */
export interface PictureProcessor {
  readonly resample: ResampleSettings
  readonly normalization: Normalization
}

/** What a family's processor does where the file does not say. */
export interface PictureProcessorDefaults {
  readonly filter: FilterName
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
  /** Whose arithmetic: torchvision's, or numpy's and Pillow's. */
  readonly arithmetic: "torchvision" | "pillow"
}

/** transformers' `IMAGENET_STANDARD_MEAN` and `IMAGENET_STANDARD_STD`: SigLIP's. */
export const halves: readonly [number, number, number] = [0.5, 0.5, 0.5]

/** OpenAI CLIP's mean and deviation. */
export const clipNormalization = {
  mean: [0.48145466, 0.4578275, 0.40821073] as const,
  std: [0.26862954, 0.26130258, 0.27577711] as const
}

/**
 * A processor's file in either layout: its own (`preprocessor_config.json` as published; a video processor's), or a section of processor_config.json.
 * Empty where there is neither.
 */
export const processorFile = (
  checkpoint: Checkpoint,
  section: "image_processor" | "video_processor",
  file = section === "image_processor" ? "preprocessor_config.json" : "video_preprocessor_config.json"
): Effect.Effect<Readonly<Record<string, unknown>>, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const nested = record(yield* checkpoint.json("processor_config.json"))
    return record(section in nested ? nested[section] : yield* checkpoint.json(file))
  })

/** Reads the part that all processors share. Fails with `CheckpointUnreadable` that names the field. */
export const readPictureProcessor = (
  file: Readonly<Record<string, unknown>>,
  path: string,
  { arithmetic, filter, mean, std }: PictureProcessorDefaults
): Effect.Effect<PictureProcessor, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const channels = (value: readonly [number, number, number]) =>
      Schema.Tuple([Schema.Finite, Schema.Finite, Schema.Finite]).pipe(Schema.withDecodingDefault(Effect.succeed(value)))
    const read = yield* decodeConfig(
      Schema.Struct({
        resample: int(filters.indexOf(filter)),
        do_resize: flag(true),
        do_rescale: flag(true),
        do_normalize: flag(true),
        rescale_factor: number(1 / 255),
        image_mean: channels(mean),
        image_std: channels(std)
      }),
      file,
      path
    )
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const name = filters[read.resample]
    if (name === undefined) return yield* refuse("resample", `is ${read.resample}, which names no filter`)
    if (!read.do_resize) return yield* refuse("do_resize", "is false; pictures of any size must be resized")
    if (read.image_std.some((value) => value === 0) || read.rescale_factor === 0) return yield* refuse("image_std", "or rescale_factor is 0")
    return {
      resample: { filter: name, rounding: arithmetic },
      normalization: {
        mean: read.do_normalize ? read.image_mean : [0, 0, 0],
        std: read.do_normalize ? read.image_std : [1, 1, 1],
        rescaleFactor: read.do_rescale ? read.rescale_factor : 1,
        order: arithmetic === "torchvision" ? "fused" : "separate"
      }
    }
  })

/** One 8-bit level after normalization, the largest of the three channels'. */
export const pictureLevel = ({ rescaleFactor, std }: Normalization): number => rescaleFactor / Math.min(...std)
