import { Effect, Schema } from "effect"
import { processorFile } from "../../../modalities/image/picture-processor.ts"
import { readSquareProcessor, type SquareDefaults, type SquareProcessor } from "../../../modalities/image/square-processor.ts"
import { clipNormalization } from "../../../modalities/image/picture-processor.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, int, text } from "../../checkpoint/config-fields.ts"
import { type LlavaConfig, type LlavaDefaults, parseLlava } from "../../compile/blocks/llava-config.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** Of transformers' `LlavaOnevisionConfig`: SigLIP so400m at 384 pixels, Qwen2. */
const defaults: LlavaDefaults = {
  visionType: "siglip_vision_model",
  vision: { hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 26, num_attention_heads: 16, image_size: 384, patch_size: 14 },
  textType: "qwen2",
  featureLayer: -1,
  selectStrategy: "full",
  imageToken: 151646
}

/** Of its `LlavaOnevisionImageProcessor` and `LlavaOnevisionVideoProcessor`. */
const squares: SquareDefaults = { ...clipNormalization, side: 384, cut: false }

/** config.json of a LLaVA-OneVision checkpoint, read. */
export interface OnevisionConfig extends LlavaConfig {
  readonly videoToken: number
  /** Patches along a side of a tile. */
  readonly across: number
  /** Canvases that a picture alone may be laid on. */
  readonly resolutions: readonly [PixelSize, ...ReadonlyArray<PixelSize>]
  /** Rows of a picture beyond which its grid is made smaller. */
  readonly mostRows: number
}

const Pinpoints = Schema.NonEmptyArray(Schema.Tuple([Schema.Int, Schema.Int]))
const Fields = Schema.Struct({
  video_token_index: int(151647),
  vision_aspect_ratio: text("anyres_max_9"),
  image_grid_pinpoints: Schema.optional(Schema.NullOr(Pinpoints))
})

/** Heights and widths up to six tiles. */
const sixBySix = (side: number): ReadonlyArray<PixelSize> =>
  Array.from({ length: 36 }, (_, i) => ({ height: (Math.floor(i / 6) + 1) * side, width: ((i % 6) + 1) * side }))

/** Reads config.json. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<OnevisionConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const common = yield* parseLlava(config, path, defaults)
    const { image_grid_pinpoints, video_token_index, vision_aspect_ratio } = yield* decodeConfig(
      Fields,
      { ...(config.video_token_id === undefined ? {} : { video_token_index: config.video_token_id }), ...config },
      path
    )
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const { image_size: side, patch_size } = common.vision.config
    const across = Math.floor(side / patch_size)
    const [, tiles] = /^anyres_max_(\d+)$/.exec(vision_aspect_ratio) ?? []
    if (tiles === undefined || Number(tiles) < 1)
      return yield* refuse("vision_aspect_ratio", `is ${JSON.stringify(vision_aspect_ratio)}; anyres_max_<number of tiles> is run here`)
    if (common.tileRows !== across ** 2)
      return yield* refuse("vision_feature_select_strategy", `leaves ${common.tileRows} rows of a tile of ${across} x ${across} patches`)
    const [first, ...rest] = image_grid_pinpoints?.map(([height, width]): PixelSize => ({ height, width })) ?? sixBySix(side)
    const odd = [first, ...rest].find(({ height, width }) => height < side || width < side || height % side !== 0 || width % side !== 0)
    if (odd !== undefined) return yield* refuse("image_grid_pinpoints", `has ${odd.height} x ${odd.width}, which tiles of ${side} pixels do not fill`)
    return { ...common, videoToken: video_token_index, across, resolutions: [first, ...rest], mostRows: Number(tiles) * across ** 2 }
  })

/** How pictures and frames become tiles. */
export interface OnevisionProcessors {
  readonly image: SquareProcessor
  readonly video: SquareProcessor
}

const ProcessorFields = Schema.Struct({ image_grid_pinpoints: Schema.optional(Schema.NullOr(Pinpoints)) })

/** Reads the processors' files. Fails with `CheckpointUnreadable` where they cut pictures otherwise than config.json takes them to be cut. */
export const readProcessors = (checkpoint: Checkpoint, { resolutions, vision }: OnevisionConfig): Effect.Effect<OnevisionProcessors, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = (section: "image_processor" | "video_processor") =>
      Effect.gen(function* () {
        const file = yield* processorFile(checkpoint, section)
        const path = `${checkpoint.folder}: ${section} settings`
        const { image_grid_pinpoints: points } = yield* decodeConfig(ProcessorFields, file, path)
        if (points !== undefined && points !== null && points.join() !== resolutions.map(({ height, width }) => [height, width]).join()) {
          return yield* new CheckpointUnreadable({ stage: "load", path, message: `${path}: image_grid_pinpoints differ from those of config.json` })
        }
        return yield* readSquareProcessor(file, path, squares, vision.config.image_size)
      })
    return { image: yield* read("image_processor"), video: yield* read("video_processor") }
  })
