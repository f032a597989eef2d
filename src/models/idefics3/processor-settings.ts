import { Effect, Schema } from "effect"
import { halves, type PictureProcessor, processorFile, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, flag } from "../../checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** How a picture, or a frame, becomes tiles. */
export interface TileProcessor extends PictureProcessor {
  /** Pixels of the longer side before a picture is cut. */
  readonly longest: number
  /** Pixels along a side of a tile. */
  readonly tile: number
  /** Whether pictures are cut where nobody says otherwise. */
  readonly split: boolean
}

/** How a clip is looked at where nobody says otherwise. */
export interface ClipProcessor extends TileProcessor {
  /** Frames a second. */
  readonly fps: number
  readonly maxFrames: number
}

const Edge = Schema.Struct({ longest_edge: Schema.Int.check(Schema.isGreaterThan(0)) })
const edge = (value: number) => Edge.pipe(Schema.withDecodingDefault(Effect.succeed({ longest_edge: value })))

const readTiles = (file: Readonly<Record<string, unknown>>, path: string, side: number) =>
  Effect.gen(function* () {
    const common = yield* readPictureProcessor(file, path, { filter: "lanczos", mean: halves, std: halves, arithmetic: "torchvision" })
    const read = yield* decodeConfig(Schema.Struct({ size: edge(4 * 364), max_image_size: edge(364), do_image_splitting: flag(true) }), file, path)
    if (read.max_image_size.longest_edge !== side) {
      return yield* new CheckpointUnreadable({
        stage: "load",
        path,
        message: `${path}: max_image_size is ${read.max_image_size.longest_edge}; the encoder was made for ${side}`
      })
    }
    const processor: TileProcessor = { ...common, longest: read.size.longest_edge, tile: side, split: read.do_image_splitting }
    return processor
  })

/** Reads how pictures are cut (`Idefics3ImageProcessor`). `side`: pixels along a side that the encoder was made for. Fails with `CheckpointUnreadable` that names the field. */
export const readPictureTiles = (checkpoint: Checkpoint, side: number): Effect.Effect<TileProcessor, CheckpointUnreadable> =>
  Effect.flatMap(processorFile(checkpoint, "image_processor"), (file) => readTiles(file, `${checkpoint.folder}: picture settings`, side))

/**
 * Reads how clips are looked at (`SmolVLMVideoProcessor`): as pictures are, published checkpoints say it in the pictures' own file. A file's `size` goes before its
 * `video_sampling.video_size`.
 */
export const readClipTiles = (checkpoint: Checkpoint, side: number): Effect.Effect<ClipProcessor, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const own = yield* processorFile(checkpoint, "video_processor")
    const file = Object.keys(own).length > 0 ? own : yield* processorFile(checkpoint, "image_processor")
    const path = `${checkpoint.folder}: clip settings`
    const { fps, num_frames, video_sampling } = yield* decodeConfig(
      Schema.Struct({
        fps: Schema.optional(Schema.NullOr(Schema.Finite)),
        num_frames: Schema.optional(Schema.NullOr(Schema.Int)),
        video_sampling: Schema.Struct({ fps: Schema.optional(Schema.Finite), max_frames: Schema.optional(Schema.Int), video_size: Schema.optional(Edge) }).pipe(
          Schema.withDecodingDefault(Effect.succeed({}))
        )
      }),
      file,
      path
    )
    const size = file.size ?? video_sampling.video_size
    const tiles = yield* readTiles({ ...file, ...(size === undefined ? {} : { size }) }, path, side)
    return { ...tiles, fps: video_sampling.fps ?? fps ?? 1, maxFrames: video_sampling.max_frames ?? num_frames ?? 64 }
  })
