import { Effect, Option, Stream } from "effect"
import { planesBlock } from "../../../modalities/image/fixed-tiles.ts"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import type { PictureRecipe, RecipeStep } from "../../../modalities/image/picture-recipe.ts"
import { recipePictures } from "../../../modalities/image/preprocess.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import { anyResolution, bestResolution } from "../../../modalities/image/slicing/any-resolution.ts"
import { shrunk, unpadded } from "../../../modalities/image/slicing/unpadded-grid.ts"
import { type SquareProcessor, squarePicture } from "../../../modalities/image/square-processor.ts"
import type { TileEncoder } from "../../compile/blocks/tile-encoder.ts"
import { type EmbeddingProducer, make } from "../../core/embedding-producer.ts"
import type { LimitExceeded } from "../../core/errors.ts"
import type { MediaPlan } from "../../core/media-plan.ts"
import { TokenGrid } from "../../core/token-grid.ts"
import { Workers } from "../../worker/workers.ts"
import type { OnevisionConfig } from "./config.ts"
import { encodePacked, packedRows, type Packer, type TileGridPlan } from "./packing.ts"

/** What the rest of a prompt decides about a picture: only one that is alone in its conversation is cut into tiles. */
export type PictureSettings = { readonly tiled: boolean }

/** What a picture becomes. */
export interface OnevisionPicture {
  readonly recipe: PictureRecipe
  /** Undefined: one tile and a line break. */
  readonly grid: TileGridPlan | undefined
}

/** Cuts a picture (`LlavaOnevisionImageProcessor`). Alone: the whole stretched to a tile, then the tiles of its canvas, black around it; else in a square of the mean colour. */
export const cut = (
  size: PixelSize & { readonly name: string },
  processor: SquareProcessor,
  { across, mostRows, resolutions }: Pick<OnevisionConfig, "across" | "mostRows" | "resolutions">,
  tiled: boolean
): Effect.Effect<OnevisionPicture, LimitExceeded> => {
  if (!tiled) return Effect.map(squarePicture(size, processor, true), (recipe) => ({ recipe, grid: undefined }))
  const { normalization, resample, side } = processor
  const { canvas, columns, resized, rows, tiles } = anyResolution(size, bestResolution(size, resolutions), side)
  const steps: ReadonlyArray<RecipeStep> = [
    { _tag: "Resize", of: 0, size: { width: side, height: side }, resample },
    { _tag: "Resize", of: 0, size: resized, resample },
    ...tiles.map(({ left, top, ...box }): RecipeStep => ({ _tag: "Crop", of: 2, box: { left: left + canvas.left, top: top + canvas.top, ...box } }))
  ]
  const kept = unpadded(size, { width: columns * across, height: rows * across })
  return Effect.succeed({
    recipe: { steps, wanted: [1, ...tiles.map((_, i) => i + 3)], normalization },
    grid: { rows, columns, kept, packed: shrunk(kept, mostRows) }
  })
}

/** What the producer of pictures is made with. */
export interface PictureParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly config: OnevisionConfig
  readonly processor: SquareProcessor
  readonly workers: Workers["Service"]
  readonly encoder: TileEncoder
  readonly packer: Packer
}

/** Pictures, whose form hangs on whether they are alone. */
export const pictures = ({ config, encoder, id, packer, processor, workers }: PictureParts): EmbeddingProducer<PictureSettings> => {
  const made = new WeakMap<MediaPlan, OnevisionPicture>()
  return make<ImageMedia, PictureSettings, MediaPlan>({
    modality: "image",
    id,
    width: config.text.width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs({ alpha: "dropped" })) : Option.none()),
    atLeast: () => encoder.rows,
    plan: (media, { tiled }, common) =>
      Effect.map(cut(media, processor, config, tiled), (picture) => {
        const { grid } = picture
        const rest = grid === undefined ? 1 : packedRows(grid)
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: encoder.rows + rest,
          pieces: [
            { rows: encoder.rows, grid: TokenGrid({ t: 1, h: config.across, w: config.across }) },
            ...(rest === 0
              ? []
              : [{ rows: rest, ...(grid === undefined ? {} : { grid: TokenGrid({ t: 1, h: grid.packed.height, w: grid.packed.width + 1 }) }) }])
          ],
          geometry: { slices: grid === undefined ? [0, 0] : [grid.rows, grid.columns] }
        }
        made.set(plan, picture)
        return plan
      }),
    encode: {
      features: (media, plan) => {
        const picture = made.get(plan)
        return picture === undefined
          ? Stream.empty
          : Stream.fromEffect(
              Effect.flatMap(media.pixels, (pixels) => Effect.map(recipePictures(pixels, picture.recipe, { consume: true }), planesBlock)).pipe(
                Effect.provideService(Workers, workers)
              )
            )
      },
      fromFeatures: (features, plan) => encodePacked(encoder, packer, config.across, features, plan, made.get(plan)?.grid)
    }
  })
}
