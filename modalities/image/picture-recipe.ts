import { normalizationTable, type Normalization } from "./normalization.ts"
import { resample, type ResampleSettings } from "./resample.ts"
import type { PixelSize, RgbImage } from "./rgb-image.ts"

/** Pixels of a picture: `left`, `top`, and how many from there. */
export interface PixelBox extends PixelSize {
  readonly left: number
  readonly top: number
}

/**
 * One step of a recipe. It makes a picture of an earlier one: `of` 0 is the picture that is given, `of` n what step n made. A box that goes over the
 * picture's edge takes `fill` there (red, green, blue, 8 bits; default black).
 */
export type RecipeStep =
  | { readonly _tag: "Resize"; readonly of: number; readonly size: PixelSize; readonly resample: ResampleSettings }
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

/** A part of a picture, `fill` where it goes over the edge. */
export const crop = (image: RgbImage, { height, left, top, width }: PixelBox, fill: readonly [number, number, number] = [0, 0, 0]): RgbImage => {
  const data = new Uint8Array(width * height * 3)
  const [from, to] = [Math.max(0, left), Math.min(image.width, left + width)]
  const inside = from === left && to === left + width && top >= 0 && top + height <= image.height
  if (!inside && fill.some((level) => level !== 0)) for (let i = 0; i < data.length; i++) data[i] = fill[i % 3]
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height) && from < to; y++) {
    data.set(image.data.subarray((y * image.width + from) * 3, (y * image.width + to) * 3), ((y - top) * width + from - left) * 3)
  }
  return { width, height, data }
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
    made.push(step._tag === "Resize" ? resample(source, step.size, step.resample) : crop(source, step.box, step.fill))
  }
  const table = normalizationTable(normalization)
  return wanted.map((picture) => planesOf(made[picture], table))
}
