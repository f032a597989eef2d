/** What pictures and frames need off the event loop. */
import { normalizationTable, type Normalization } from "./normalization.ts"
import { patchify, type PatchFeatures, type PatchLayout } from "./patches.ts"
import { patchStrip, type PatchStrip } from "./patch-strip.ts"
import { followRecipe, type PictureRecipe } from "./picture-recipe.ts"
import { resample, type ResampleSettings } from "./resample.ts"
import type { PixelSize, RgbImage } from "./rgb-image.ts"

export { hdCropPixels } from "./hd-crop-pixels.ts"
export { followRecipe } from "./picture-recipe.ts"
export { toRgb } from "./raw-pixels.ts"
export { resample } from "./resample.ts"

/** How pictures or frames become patches. */
export interface PatchSettings extends PatchLayout {
  /** Each frame is first resized to it. */
  readonly size: PixelSize
  readonly resample: ResampleSettings
  readonly normalization: Normalization
}

/** Resizes each frame, then cuts all into patches. */
export const patchesOf = (frames: ReadonlyArray<RgbImage>, settings: PatchSettings): PatchFeatures =>
  patchify(
    frames.map((frame) => resample(frame, settings.size, settings.resample)),
    settings,
    normalizationTable(settings.normalization)
  )

/** The pictures that a recipe makes of one, as one strip of patches. */
export const stripOf = (image: RgbImage, recipe: PictureRecipe, patch: number): PatchStrip => patchStrip(followRecipe(image, recipe), patch)
