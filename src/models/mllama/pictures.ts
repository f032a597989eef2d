import { concatenated } from "../../tensor/concatenated.ts"
import { Effect, Option, Stream } from "effect"
import { planesBlock } from "../../../modalities/image/fixed-tiles.ts"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import type { PictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { PictureRecipe } from "../../../modalities/image/picture-recipe.ts"
import { recipePictures } from "../../../modalities/image/preprocess.ts"
import { tileArrangements, tiledCanvas } from "../../../modalities/image/slicing/tiled-canvas.ts"
import type { Graph } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../core/embedding-producer.ts"
import type { EncodeError } from "../../core/errors.ts"
import type { MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import { Workers } from "../../worker/workers.ts"
import type { MllamaConfig } from "./config.ts"
import { slotRows } from "./slot-rows.ts"

/** What the producer of pictures is made with. */
export interface PictureParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly config: MllamaConfig
  readonly processor: PictureProcessor
  readonly workers: Workers["Service"]
  /** `vision` of `vision.ts`. */
  readonly graph: Graph
}

/** Rows and columns of tiles of a planned picture. */
const arrangementOf = (plan: MediaPlan): readonly [rows: number, columns: number] => {
  const [, rows = 1, columns = 1] = plan.geometry?.grid ?? []
  return [rows, columns]
}

/** Tiles [tiles, 3, side, side] of one picture to the rows of all its slots, in one run. */
const encodePicture = (
  graph: Graph,
  { text, tileRows, vision }: MllamaConfig,
  tiles: Float32Array,
  plan: MediaPlan
): Effect.Effect<EmbeddingChunk, EncodeError> =>
  Effect.gen(function* () {
    const { image_size: side, max_num_tiles: slots } = vision
    const [rows, columns] = arrangementOf(plan)
    const pixels = new Float32Array(slots * 3 * side ** 2)
    pixels.set(tiles)
    const { order, real, restore } = slotRows(slots, rows * columns, tileRows)
    const arrangement = tileArrangements(slots).findIndex((one) => one.rows === rows && one.columns === columns) + 1
    const data = new Float32Array(plan.rows * text.width)
    yield* graph.run(
      {
        pixels: float32([slots, 3, side, side], pixels),
        arrangement: int64([1], [arrangement]),
        order: int64([order.length], order),
        real: int64([1], [real]),
        restore: int64([restore.length], restore)
      },
      { embeddings: float32([plan.rows, text.width], data) }
    )
    return { plan, from: 0, rows: plan.rows, data, levels: [] }
  })

/** Pictures as memory: fitted to a canvas of tiles (transformers 5.18 `MllamaImageProcessor`), all slots of which are looked at, also those that the picture does not fill. */
export const pictures = ({ config, graph, id, processor, workers }: PictureParts): EmbeddingProducer<NoSettings> => {
  const {
    text,
    tileRows,
    vision: { image_size: side, max_num_tiles: slots }
  } = config
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id,
    width: text.width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs({ alpha: "white" })) : Option.none()),
    plan: (media, _, common) => {
      const { columns, rows, tiles } = tiledCanvas(media, side, slots)
      return {
        ...common,
        form: "memory",
        levels: 0,
        rows: slots * tileRows,
        geometry: { grid: [1, rows, columns] },
        pieces: Array.from({ length: slots }, (_, i) =>
          i < tiles.length ? { rows: tileRows, tile: [Math.floor(i / columns), i % columns] as const } : { rows: tileRows, empty: true as const }
        )
      }
    },
    encode: {
      features: (media) => {
        const { size, tiles } = tiledCanvas(media, side, slots)
        const recipe: PictureRecipe = {
          normalization: processor.normalization,
          wanted: tiles.map((_, i) => i + 2),
          steps: [{ _tag: "Resize", of: 0, size, resample: processor.resample }, ...tiles.map((box) => ({ _tag: "Crop", of: 1, box }) as const)]
        }
        return Stream.fromEffect(
          Effect.flatMap(media.pixels, (pixels) => Effect.map(recipePictures(pixels, recipe, { consume: true }), planesBlock)).pipe(
            Effect.provideService(Workers, workers)
          )
        )
      },
      fromFeatures: (features, plan) =>
        Stream.fromEffect(
          Effect.flatMap(Stream.runCollect(features), (blocks) => encodePicture(graph, config, concatenated(blocks.map(({ data }) => data)), plan))
        )
    }
  })
}
