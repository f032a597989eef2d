import { Effect, Option, Stream } from "effect"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import type { PictureProcessor } from "../../../modalities/image/picture-processor.ts"
import { hdCropFeatures } from "../../../modalities/image/preprocess.ts"
import { type HdCrops, hdCrops } from "../../../modalities/image/slicing/hd-crops.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../core/embedding-producer.ts"
import { LimitExceeded } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { Workers } from "../../worker/workers.ts"
import { type CropGraphs, type CropSizes, cropRows, encodeCrops } from "./crop-encoder.ts"

/** What the producer of pictures is made with. */
export interface PictureParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly sizes: CropSizes
  readonly processor: PictureProcessor
  /** Crops at the most, the overview not counted. */
  readonly maxCrops: number
  readonly workers: Workers["Service"]
  readonly graphs: CropGraphs
}

/** Sides that the reference's resized pictures must have at the least, in pixels. */
const LEAST_SIDE = 10

/** Pictures on a canvas of crops, and an overview (transformers 5.18 `Phi4MultimodalImageProcessor`, `Phi4MultimodalImageEmbedding`). */
export const pictures = ({ graphs, id, maxCrops, processor, sizes, workers }: PictureParts): EmbeddingProducer<NoSettings> => {
  const { patch, side: crop, width } = sizes
  const cuts = new WeakMap<MediaPlan, HdCrops>()
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id,
    width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs({ alpha: "dropped" })) : Option.none()),
    plan: (media, _, common) =>
      Effect.gen(function* () {
        const cut = hdCrops(media, { crop, patch, maxCrops })
        const shortest = Math.min(cut.size.width, cut.size.height)
        if (shortest < LEAST_SIDE) {
          const [needed, allowed] = [
            Math.max(media.width, media.height) / Math.min(media.width, media.height),
            Math.max(cut.size.width, cut.size.height) / LEAST_SIDE
          ]
          return yield* new LimitExceeded({
            stage: "plan",
            source: media.name,
            limit: "aspect ratio",
            needed,
            allowed,
            message: `${media.name}: ${media.width} x ${media.height} pixels become ${cut.size.width} x ${cut.size.height}; ${LEAST_SIDE} a side are the least (an aspect ratio of ${allowed.toFixed(1)} here)`
          })
        }
        const rows = cropRows(cut, sizes)
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: rows.crops + rows.border + rows.overview,
          geometry: { grid: [1, cut.rows, cut.columns] },
          pieces: [...rows.bands.map((count, row) => ({ rows: count, tile: [row, 0] as const })), { rows: rows.border }, { rows: rows.overview }]
        }
        cuts.set(plan, cut)
        return plan
      }),
    encode: {
      features: (media, plan) => {
        const cut = cuts.get(plan)
        return cut === undefined
          ? Stream.empty
          : Stream.fromEffect(
              Effect.flatMap(media.pixels, (pixels) =>
                Effect.map(hdCropFeatures(pixels, { crops: cut, crop, ...processor }, { consume: true }), (data): FeatureBlock => ({
                  shape: [1 + cut.rows * cut.columns, 3, crop, crop],
                  data
                }))
              ).pipe(Effect.provideService(Workers, workers))
            )
      },
      fromFeatures: (features, plan) => {
        const cut = cuts.get(plan)
        return cut === undefined ? Stream.empty : encodeCrops(graphs, sizes, cut, features, plan)
      }
    }
  })
}
