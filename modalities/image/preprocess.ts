import { Effect } from "effect"
import type { WorkerFailed } from "../../src/core/errors.ts"
import { Workers } from "../../src/worker/workers.ts"
import { workerTask } from "../../src/worker/worker-task.ts"
import type { PatchSettings } from "./image.worker.ts"
import type { HdCropPixelSettings } from "./hd-crop-pixels.ts"
import type { PatchFeatures } from "./patches.ts"
import type { PatchStrip } from "./patch-strip.ts"
import type { PictureRecipe, PixelPlanes } from "./picture-recipe.ts"
import type { ResampleSettings } from "./resample.ts"
import type { PixelSize, RgbImage } from "./rgb-image.ts"

export type { PatchSettings } from "./image.worker.ts"

const task = workerTask<typeof import("./image.worker.ts")>()
const resampleTask = task("./image.worker.ts", import.meta.url, "resample")
const recipeTask = task("./image.worker.ts", import.meta.url, "followRecipe")
const hdCropsTask = task("./image.worker.ts", import.meta.url, "hdCropPixels")
const stripTask = task("./image.worker.ts", import.meta.url, "stripOf")
const patchesTask = task("./image.worker.ts", import.meta.url, "patchesOf")

/** How a call treats the pictures that it is given. */
export interface HandOver {
  /** The pictures are not needed afterwards: their memory goes to the worker without a copy. Default false. */
  readonly consume?: boolean
}

const buffers = (images: ReadonlyArray<RgbImage>, handOver: HandOver): Array<ArrayBuffer> => {
  if (handOver.consume !== true) return []
  const whole = new Set<ArrayBuffer>()
  for (const { data } of images) {
    if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength) whole.add(data.buffer)
  }
  return [...whole]
}

/** A picture at another size, off the event loop (see `resample`). */
export const resizeImage = (
  image: RgbImage,
  size: PixelSize,
  settings: ResampleSettings,
  handOver: HandOver = {}
): Effect.Effect<RgbImage, WorkerFailed, Workers> =>
  image.width === size.width && image.height === size.height
    ? Effect.succeed(image)
    : Effect.flatMap(Workers, (workers) => workers.call(resampleTask, [image, size, settings], { transfer: buffers([image], handOver) }))

/**
 * Patches of a picture or of a clip's frames (at least one), off the event loop: each resized to `settings.size`, rescaled, normalized and cut (see
 * `patchify`). Frames may have several sizes.
 */
export const patchFeatures = (
  frames: ReadonlyArray<RgbImage>,
  settings: PatchSettings,
  handOver: HandOver = {}
): Effect.Effect<PatchFeatures, WorkerFailed, Workers> =>
  Effect.flatMap(Workers, (workers) => workers.call(patchesTask, [frames, settings], { transfer: buffers(frames, handOver) }))

/** The pictures that a recipe makes of one, off the event loop (see `followRecipe`). */
export const recipePictures = (
  image: RgbImage,
  recipe: PictureRecipe,
  handOver: HandOver = {}
): Effect.Effect<ReadonlyArray<PixelPlanes>, WorkerFailed, Workers> =>
  Effect.flatMap(Workers, (workers) => workers.call(recipeTask, [image, recipe], { transfer: buffers([image], handOver) }))

/** The same as one strip of patches, off the event loop (see `patchStrip`). */
export const recipeStrip = (image: RgbImage, recipe: PictureRecipe, patch: number, handOver: HandOver = {}): Effect.Effect<PatchStrip, WorkerFailed, Workers> =>
  Effect.flatMap(Workers, (workers) => workers.call(stripTask, [image, recipe, patch], { transfer: buffers([image], handOver) }))

/** An overview of a picture and its crops, off the event loop (see `hdCropPixels`). */
export const hdCropFeatures = (image: RgbImage, settings: HdCropPixelSettings, handOver: HandOver = {}): Effect.Effect<Float32Array, WorkerFailed, Workers> =>
  Effect.flatMap(Workers, (workers) => workers.call(hdCropsTask, [image, settings], { transfer: buffers([image], handOver) }))
