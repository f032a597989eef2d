import { Effect } from "effect"
import { tiledPictures, type TiledPicture } from "../../../modalities/image/fixed-tiles.ts"
import type { ImageMedia } from "../../../modalities/image/image-media.ts"
import { pixelsOption } from "../../../modalities/image/patch-processor.ts"
import type { PictureRecipe, RecipeStep } from "../../../modalities/image/picture-recipe.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import { longestSide, tileGrid } from "../../../modalities/image/slicing/tile-grid.ts"
import { tiledFrames } from "../../../modalities/video/fixed-frames.ts"
import type { TileEncoder } from "../../compile/blocks/tile-encoder.ts"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import { OptionInvalid } from "../../core/errors.ts"
import type { Workers } from "../../worker/workers.ts"
import type { ClipProcessor, TileProcessor } from "./processor-settings.ts"

/** Options of a picture, as its processor's configuration names them. */
export const pictureOptions = ["doImageSplitting", "longestEdge"] as const

/** What the producers are made with. */
export interface TileParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly workers: Workers["Service"]
  readonly encoder: TileEncoder
}

/** One tile of a whole picture: first the longer side to size, then a square, whatever the ratio. */
const square = (size: PixelSize, { longest, normalization, resample, tile }: TileProcessor): PictureRecipe => ({
  normalization,
  wanted: [2],
  steps: [
    { _tag: "Resize", of: 0, size: longestSide(size, longest), resample },
    { _tag: "Resize", of: 1, size: { width: tile, height: tile }, resample }
  ]
})

/** Tiles row by row, then the whole picture, made of what the tiles were cut from (transformers `Idefics3ImageProcessor`). */
const cut = (media: ImageMedia, processor: TileProcessor) =>
  Effect.gen(function* () {
    const { doImageSplitting = processor.split } = media.options
    if (typeof doImageSplitting !== "boolean") {
      return yield* new OptionInvalid({
        stage: "plan",
        option: "doImageSplitting",
        message: `doImageSplitting is ${doImageSplitting}; it must be true or false`
      })
    }
    const longest = yield* pixelsOption(media.options, "longestEdge", processor.longest)
    const { normalization, resample, tile } = processor
    const first = longestSide(media, longest)
    const grid = tileGrid(first, tile)
    const single: TiledPicture = { recipe: square(media, { ...processor, longest }), tiles: [undefined], geometry: { slices: [0, 0] } }
    if (!doImageSplitting || grid.tiles.length === 0) return single
    const steps: ReadonlyArray<RecipeStep> = [
      { _tag: "Resize", of: 0, size: first, resample },
      { _tag: "Resize", of: 1, size: grid.size, resample },
      ...grid.tiles.map((box): RecipeStep => ({ _tag: "Crop", of: 2, box })),
      { _tag: "Resize", of: 2, size: { width: tile, height: tile }, resample }
    ]
    const split: TiledPicture = {
      recipe: { steps, wanted: Array.from({ length: grid.tiles.length + 1 }, (_, i) => i + 3), normalization },
      tiles: [...grid.tiles.map((_, i) => [Math.floor(i / grid.columns), i % grid.columns] as const), undefined],
      geometry: { slices: [grid.rows, grid.columns] }
    }
    return split
  })

/** Pictures, cut into a grid of tiles with the whole picture last. */
export const pictures = (parts: TileParts, processor: TileProcessor): EmbeddingProducer<NoSettings> =>
  tiledPictures({ ...parts, reads: { alpha: "dropped" }, cut: (media) => cut(media, processor) })

/** Clips, a tile a frame. */
export const clips = (parts: TileParts, processor: ClipProcessor): EmbeddingProducer<NoSettings> =>
  tiledFrames({ ...parts, recipe: (frame) => square(frame, processor), clips: { fps: processor.fps, minFrames: 4, maxFrames: processor.maxFrames } })
