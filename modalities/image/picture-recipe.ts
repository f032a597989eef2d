import { crop, type PixelBox } from "./crop.ts"
import { normalizationTable, type Normalization } from "./normalization.ts"
import { resample, type ResampleSettings } from "./resample.ts"
import type { PixelSize, RgbImage } from "./rgb-image.ts"

export type { PixelBox } from "./crop.ts"

/**
 * One step of a recipe. It makes a picture of an earlier one: `of` 0 is the picture that is given, `of` n what step n made. A box that goes over the
 * picture's edge takes `fill` there (red, green, blue, 8 bits; default black). `box` of a resize: only that part of what it gives is made.
 */
export type RecipeStep =
  | { readonly _tag: "Resize"; readonly of: number; readonly size: PixelSize; readonly resample: ResampleSettings; readonly box?: PixelBox }
  | { readonly _tag: "Crop"; readonly of: number; readonly box: PixelBox; readonly fill?: readonly [red: number, green: number, blue: number] }

/** How pictures are made of one: plain data, so that the work can be done elsewhere. */
export interface PictureRecipe {
  readonly steps: ReadonlyArray<RecipeStep>
  /** Which of the pictures (numbered as `of`) are wanted, in order. */
  readonly wanted: ReadonlyArray<number>
  readonly normalization: Normalization
}

/** A picture as an encoder takes it: channels apart, normalized. */
export interface PixelPlanes extends PixelSize {
  /** [3, height, width] */
  readonly data: Float32Array
}

/** Levels to what the encoder takes, channels apart. */
const planesOf = ({ data: levels, height, width }: RgbImage, table: Float32Array): PixelPlanes => {
  const pixels = width * height
  const data = new Float32Array(3 * pixels)
  for (let channel = 0; channel < 3; channel++) {
    const [base, out] = [channel * 256, channel * pixels]
    for (let i = 0; i < pixels; i++) data[out + i] = table[base + levels[i * 3 + channel]]
  }
  return { width, height, data }
}

/** Follows a recipe. */
export const followRecipe = (image: RgbImage, { normalization, steps, wanted }: PictureRecipe): ReadonlyArray<PixelPlanes> => {
  const made: Array<RgbImage> = [image]
  for (const step of steps) {
    const source = made[step.of]
    made.push(step._tag === "Resize" ? resample(source, step.size, step.resample, step.box) : crop(source, step.box, step.fill))
  }
  const table = normalizationTable(normalization)
  return wanted.map((picture) => planesOf(made[picture], table))
}
