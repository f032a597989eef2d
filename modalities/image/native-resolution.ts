import { Effect, Option, Stream } from "effect"
import { encodeVision, stepGrid, type VisionEncoder } from "../../src/compile/blocks/rotary-vision-encoder.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../src/core/embedding-producer.ts"
import type { FeatureBlock, MediaPlan } from "../../src/core/media-plan.ts"
import { merged, PatchGrid, rowsOf } from "../../src/core/token-grid.ts"
import { Workers } from "../../src/worker/workers.ts"
import { type ImageMedia, type ImageSettings, isImageMedia } from "./image-media.ts"
import { factorOf, type PatchProcessor, patchSettings, pixelsOption } from "./patch-processor.ts"
import type { PatchFeatures } from "./patches.ts"
import { patchFeatures } from "./preprocess.ts"
import { smartResize } from "./smart-resize.ts"

/** What producers of pictures and clips at their own resolution are made with. */
export interface NativeResolutionParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly processor: PatchProcessor
  readonly workers: Workers["Service"]
  readonly encoder: VisionEncoder
  /** How the family's reference reads pictures; see `ImageMedia.readAs`. */
  readonly reads?: Partial<ImageSettings>
}

/** Bounds of a picture where the checkpoint does not say: width x height after the resize (`Qwen2VLImageProcessor`). */
const DEFAULT_BOUNDS = { minPixels: 56 * 56, maxPixels: 28 * 28 * 1280 }

/** Patches as a block of features. */
export const patchBlock = ({ data, grid: [t, h, w] }: PatchFeatures): FeatureBlock => ({ shape: [t * h * w, data.length / (t * h * w)], data })

/** Pixels of one frame of a plan after the resize. */
export const plannedSize = (plan: MediaPlan, { mergeSize, patchSize }: PatchProcessor): { readonly width: number; readonly height: number } => {
  const { h, w } = stepGrid(plan, mergeSize)
  return { width: w * patchSize, height: h * patchSize }
}

/** A picture at its own resolution, within bounds: one temporal step, its frame repeated (`Qwen2VLImageProcessor`). Options: `minPixels`, `maxPixels`. */
export const nativePictures = ({ encoder, id, processor, reads = {}, width, workers }: NativeResolutionParts): EmbeddingProducer<NoSettings> =>
  make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id,
    width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs(reads)) : Option.none()),
    plan: (media, _, common) =>
      Effect.gen(function* () {
        const size = yield* smartResize(
          media,
          {
            factor: factorOf(processor),
            minPixels: yield* pixelsOption(media.options, "minPixels", processor.minPixels ?? DEFAULT_BOUNDS.minPixels),
            maxPixels: yield* pixelsOption(media.options, "maxPixels", processor.maxPixels ?? DEFAULT_BOUNDS.maxPixels)
          },
          media.name
        )
        const patches = PatchGrid({ t: 1, h: size.height / processor.patchSize, w: size.width / processor.patchSize })
        const grid = merged(patches, processor.mergeSize)
        return {
          ...common,
          form: "rows",
          levels: encoder.levels,
          rows: rowsOf(grid),
          pieces: [{ rows: rowsOf(grid), grid }],
          geometry: { grid: [1, patches.h, patches.w] }
        }
      }),
    encode: {
      features: (media, plan) =>
        Stream.fromEffect(
          Effect.flatMap(media.pixels, (pixels) =>
            Effect.map(patchFeatures([pixels], patchSettings(processor, plannedSize(plan, processor)), { consume: true }), patchBlock)
          ).pipe(Effect.provideService(Workers, workers))
        ),
      fromFeatures: (features, plan) => encodeVision(encoder, features, plan)
    }
  })
