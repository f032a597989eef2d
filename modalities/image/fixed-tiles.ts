import { Effect, Option, Stream } from "effect"
import { encodeTiles, type TileEncoder } from "../../src/compile/blocks/tile-encoder.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../src/core/embedding-producer.ts"
import type { PlanError } from "../../src/core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../src/core/media-plan.ts"
import { Workers } from "../../src/worker/workers.ts"
import { type ImageMedia, type ImageSettings, isImageMedia } from "./image-media.ts"
import type { PictureRecipe, PixelPlanes } from "./picture-recipe.ts"
import { recipePictures } from "./preprocess.ts"

/** What a picture is cut into. */
export interface TiledPicture {
  /** Makes the tiles, in the model's order. */
  readonly recipe: PictureRecipe
  /** Row and column of each tile; undefined for the overview. */
  readonly tiles: ReadonlyArray<readonly [row: number, column: number] | undefined>
  /** See `MediaPlan.geometry`. */
  readonly geometry?: MediaPlan["geometry"]
}

/** What the producer of pictures in tiles of one size is made with. */
export interface FixedTileParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly workers: Workers["Service"]
  readonly encoder: TileEncoder
  /** Whether a picture is always one tile, so that its features are [3, height, width], without an axis of tiles. */
  readonly alone?: boolean
  /** How the family's reference reads pictures; see `ImageMedia.readAs`. */
  readonly reads: Partial<ImageSettings>
  /** How a picture is cut, from its size and the options it was asked for with. */
  readonly cut: (media: ImageMedia) => Effect.Effect<TiledPicture, PlanError>
}

/** Pictures of one size as one block of features, [pictures, 3, height, width]. */
export const planesBlock = (pictures: ReadonlyArray<PixelPlanes>): FeatureBlock => {
  const { height, width } = pictures[0] ?? { height: 0, width: 0 }
  const data = new Float32Array(pictures.reduce((sum, picture) => sum + picture.data.length, 0))
  pictures.forEach((picture, i) => data.set(picture.data, i * 3 * height * width))
  return { shape: [pictures.length, 3, height, width], data }
}

/** Pictures as one tile or several of one size, each encoded for itself: rows tile by tile. */
export const tiledPictures = ({ alone = false, cut, encoder, id, reads, width, workers }: FixedTileParts): EmbeddingProducer<NoSettings> => {
  const recipes = new WeakMap<MediaPlan, PictureRecipe>()
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id,
    width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs(reads)) : Option.none()),
    atLeast: () => encoder.rows,
    plan: (media, _, common) =>
      Effect.map(cut(media), ({ geometry, recipe, tiles }) => {
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: tiles.length * encoder.rows,
          pieces: tiles.map((tile) => ({ rows: encoder.rows, ...(tile === undefined ? {} : { tile }) })),
          ...(geometry === undefined ? {} : { geometry })
        }
        recipes.set(plan, recipe)
        return plan
      }),
    encode: {
      features: (media, plan) => {
        const recipe = recipes.get(plan)
        return recipe === undefined
          ? Stream.empty
          : Stream.fromEffect(
              Effect.flatMap(media.pixels, (pixels) =>
                Effect.map(recipePictures(pixels, recipe, { consume: true }), (pictures) => {
                  const block = planesBlock(pictures)
                  return alone ? { shape: block.shape.slice(1), data: block.data } : block
                })
              ).pipe(Effect.provideService(Workers, workers))
            )
      },
      fromFeatures: (features, plan) => encodeTiles(encoder, features, plan)
    }
  })
}
