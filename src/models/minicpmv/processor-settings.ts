import { Effect, Schema } from "effect"
import { halves, type PictureProcessor, processorFile, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, flag, int, text } from "../../checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import type { DownsampleMode, MiniCpmConfig } from "./config.ts"

/** How pictures, or frames, become parts. */
export interface SliceProcessor extends PictureProcessor {
  /** A slice has about the pixels of a square of so many a side. */
  readonly scale: number
  /** Slices at the most; 1: pictures are never cut. */
  readonly maxSlices: number
  readonly mode: DownsampleMode
  /** Whether each medium's number stands in front of it. */
  readonly useId: boolean
  /** Frames of a clip at the most. */
  readonly maxFrames: number
  /** Names of the marker tokens. */
  readonly markers: Markers
}

/** Names of the marker tokens around parts, and of the one that stands for a row. */
export interface Markers {
  readonly image: readonly [start: string, end: string]
  readonly slice: readonly [start: string, end: string]
  readonly id: readonly [start: string, end: string]
  readonly row: string
}

const Fields = Schema.Struct({
  max_slice_nums: int(9).check(Schema.isGreaterThan(0)),
  scale_resolution: int(448).check(Schema.isGreaterThan(0)),
  patch_size: int(14),
  slice_mode: flag(true),
  downsample_mode: Schema.optional(Schema.NullOr(Schema.Literals(["16x", "4x"]))),
  use_image_id: Schema.optional(Schema.NullOr(Schema.Boolean)),
  image_feature_size: Schema.optional(Schema.Int),
  max_num_frames: int(128),
  stack_frames: int(1),
  im_start: text("<image>"),
  im_end: text("</image>"),
  slice_start: text("<slice>"),
  slice_end: text("</slice>"),
  im_id_start: text("<image_id>"),
  im_id_end: text("</image_id>"),
  unk: text("<unk>")
})

/** Reads how pictures are cut, or clips' frames. 2.6 says mean and deviation by other names, and never cuts without resizing. Fails with `CheckpointUnreadable` that names the field. */
export const readSlices = (
  checkpoint: Checkpoint,
  { modelType, projection, vision }: MiniCpmConfig,
  section: "image_processor" | "video_processor"
): Effect.Effect<SliceProcessor, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const file = yield* processorFile(checkpoint, section)
    const path = `${checkpoint.folder}: processor settings`
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const early = modelType === "minicpmv"
    const common = yield* readPictureProcessor(early ? { image_mean: file.norm_mean, image_std: file.norm_std } : file, path, {
      filter: "bicubic",
      mean: halves,
      std: halves,
      arithmetic: early ? "pillow" : "torchvision"
    })
    const read = yield* decodeConfig(Fields, file, path)
    if (read.patch_size !== vision.patch_size) return yield* refuse("patch_size", `is ${read.patch_size}; the encoder was made for ${vision.patch_size}`)
    if (early && !read.slice_mode) return yield* refuse("slice_mode", "is false; pictures of any size must be resized")
    if (projection._tag === "Resampler" && read.image_feature_size !== undefined && read.image_feature_size !== projection.queries) {
      return yield* refuse("image_feature_size", `is ${read.image_feature_size}; the resampler has ${projection.queries} queries`)
    }
    if (read.stack_frames > 1) return yield* refuse("stack_frames", `is ${read.stack_frames}; frames are not stacked here`)
    return {
      ...common,
      scale: read.scale_resolution,
      maxSlices: read.slice_mode ? read.max_slice_nums : 1,
      maxFrames: read.max_num_frames,
      mode: read.downsample_mode ?? (projection._tag === "Merger" ? projection.mode : "16x"),
      useId: read.use_image_id ?? !early,
      markers: { image: [read.im_start, read.im_end], slice: [read.slice_start, read.slice_end], id: [read.im_id_start, read.im_id_end], row: read.unk }
    }
  })
