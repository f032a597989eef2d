import { Effect, Option, Stream } from "effect"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import { patchFeatures, type PatchSettings } from "../../../modalities/image/preprocess.ts"
import { smartResize } from "../../../modalities/image/smart-resize.ts"
import { pickFrames } from "../../../modalities/video/pick-frames.ts"
import { VideoMedia } from "../../../modalities/video/video-media.ts"
import { type EmbeddingProducer, make } from "../../core/embedding-producer.ts"
import { OptionInvalid, type PlanError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { merged, PatchGrid, rowsOf, TokenGrid } from "../../core/token-grid.ts"
import { Workers } from "../../worker/workers.ts"
import type { NoSettings } from "./planner.ts"
import type { ProcessorSettings } from "./processor-settings.ts"
import { encodeVision, stepGrid, type VisionEncoder } from "./vision-encoder.ts"

/** What the producers of pictures and clips are made with. */
export interface PictureProducerParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly settings: ProcessorSettings
  readonly workers: Workers["Service"]
  readonly encoder: VisionEncoder
}

/** An option that is a whole number above 0, or the default. */
const pixels = (options: MediaPlan["settings"], name: string, otherwise: number): Effect.Effect<number, OptionInvalid> => {
  const value = options[name] ?? otherwise
  return typeof value === "number" && Number.isInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(new OptionInvalid({ stage: "plan", option: name, message: `${name} is ${value}; it must be a whole number above 0` }))
}

const factorOf = ({ image }: ProcessorSettings): number => image.patch_size * image.merge_size

/** How pixels become patches: Pillow's filter for pictures and torchvision's for frames, as the reference's two processors have it. */
const patchSettings = ({ image }: ProcessorSettings, plan: MediaPlan, frames: boolean): PatchSettings => {
  const { h, w } = stepGrid(plan, image.merge_size)
  const [r, g, b] = image.image_mean
  const [x, y, z] = image.image_std
  return {
    patchSize: image.patch_size, temporalPatchSize: image.temporal_patch_size, mergeSize: image.merge_size,
    size: { width: w * image.patch_size, height: h * image.patch_size },
    resample: { filter: "bicubic", rounding: frames ? "torchvision" : "pillow" },
    normalization: { mean: [r, g, b], std: [x, y, z], rescaleFactor: image.rescale_factor, order: frames ? "fused" : "separate" }
  }
}

/** A picture: one temporal step, its frame twice (`Qwen2VLImageProcessor`). */
export const imageProducer = ({ encoder, id, settings, width, workers }: PictureProducerParts): EmbeddingProducer<NoSettings> => {
  const { image } = settings
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image", id, width,
    accepts: (media) => isImageMedia(media) ? Option.some(media) : Option.none(),
    plan: (media, _, common) => Effect.gen(function*() {
      const size = yield* smartResize(media, {
        factor: factorOf(settings), minPixels: yield* pixels(media.options, "minPixels", image.minPixels), maxPixels: yield* pixels(media.options, "maxPixels", image.maxPixels)
      }, media.name)
      const patches = PatchGrid({ t: 1, h: size.height / image.patch_size, w: size.width / image.patch_size })
      const grid = merged(patches, image.merge_size)
      return { ...common, form: "rows", levels: 0, rows: rowsOf(grid), pieces: [{ rows: rowsOf(grid), grid }], geometry: { grid: [1, patches.h, patches.w] } }
    }),
    encode: {
      features: (media, plan) => Stream.fromEffect(Effect.gen(function*() {
        const { data, grid: [t, h, w] } = yield* patchFeatures([yield* media.pixels], patchSettings(settings, plan, false), { consume: true })
        const block: FeatureBlock = { shape: [t * h * w, data.length / (t * h * w)], data }
        return block
      }).pipe(Effect.provideService(Workers, workers))),
      fromFeatures: (features, plan) => encodeVision(encoder, image.merge_size, features, plan)
    }
  })
}

/** The bounds and frame counts that a clip's options and the family's defaults give. */
const clipSettings = (media: VideoMedia, { video }: ProcessorSettings) => Effect.gen(function*() {
  const { fps = video.fps, maxFrames = video.maxFrames } = media.settings
  const minPixels = yield* pixels(media.options, "minPixels", video.minPixels)
  const maxPixels = yield* pixels(media.options, "maxPixels", video.maxPixels)
  return { fps, minFrames: video.minFrames, maxFrames, minPixels, maxPixels }
})

/** One block a temporal step: its frames are cut down to patches before the next ones are taken, so what waits is small, whatever the film's size. */
const clipFeatures = (media: VideoMedia, plan: MediaPlan, indices: ReadonlyArray<number>, { settings, workers }: PictureProducerParts) => {
  const cut = patchSettings(settings, plan, true)
  return media.frames(indices).pipe(
    Stream.rechunk(1),
    Stream.grouped(settings.image.temporal_patch_size),
    Stream.rechunk(1),
    Stream.mapEffect((frames) => Effect.map(patchFeatures(frames, cut, { consume: true }), ({ data, grid: [t, h, w] }): FeatureBlock => ({ shape: [t * h * w, data.length / (t * h * w)], data }))),
    Stream.provideService(Workers, workers)
  )
}

/** A clip's frames in pairs, each pair one temporal step (`Qwen2VLVideoProcessor`; frames picked as the published utility does). */
export const videoProducer = (parts: PictureProducerParts): EmbeddingProducer<NoSettings> => {
  const { encoder, id, settings, width } = parts
  const { image } = settings
  const indices = new WeakMap<MediaPlan, ReadonlyArray<number>>()
  const gridOf = (media: VideoMedia) => Effect.gen(function*() {
    const { maxPixels, minPixels } = yield* clipSettings(media, settings)
    const size = yield* smartResize(media, { factor: factorOf(settings), minPixels, maxPixels }, media.name)
    return PatchGrid({ t: 1, h: size.height / image.patch_size, w: size.width / image.patch_size })
  })
  return make<VideoMedia, NoSettings, MediaPlan>({
    modality: "video", id, width,
    accepts: VideoMedia.accepts,
    // By the header's own duration, less a tenth: what it says may be a little more than what the file holds.
    atLeast: (media) => {
      const { fps = settings.video.fps, maxFrames = settings.video.maxFrames } = media.settings
      const grid = Effect.runSync(Effect.option(gridOf(media)))
      const frames = Math.min(maxFrames, Math.floor(media.durationSeconds * fps * 0.9))
      return Option.match(grid, { onNone: () => 0, onSome: (patches) => Math.floor(frames / image.temporal_patch_size) * rowsOf(merged(patches, image.merge_size)) })
    },
    plan: (media, _, common): Effect.Effect<MediaPlan, PlanError> => Effect.gen(function*() {
      const patches = yield* gridOf(media)
      const { atSeconds, frameCount, frameRate } = yield* media.timeline
      const { fps, maxFrames, minFrames } = yield* clipSettings(media, settings)
      const picked = pickFrames({ frameCount, frameRate, fps, minFrames, maxFrames })
      const steps = Math.ceil(picked.indices.length / image.temporal_patch_size)
      const grid = merged(patches, image.merge_size)
      const pieces = Array.from({ length: steps }, (_, step) => ({
        rows: rowsOf(grid), grid: TokenGrid({ t: 1, h: grid.h, w: grid.w }), atSeconds: atSeconds(picked.indices[step * image.temporal_patch_size])
      }))
      const plan: MediaPlan = {
        ...common, form: "rows", levels: 0, rows: steps * rowsOf(grid), pieces,
        // From the rate really sampled, as the reference is told it.
        secondsPerStep: image.temporal_patch_size / picked.sampledFps,
        geometry: { grid: [steps, patches.h, patches.w] }
      }
      indices.set(plan, picked.indices)
      return plan
    }),
    encode: {
      features: (media, plan) => clipFeatures(media, plan, indices.get(plan) ?? [], parts),
      fromFeatures: (features, plan) => encodeVision(encoder, image.merge_size, features, plan)
    }
  })
}
