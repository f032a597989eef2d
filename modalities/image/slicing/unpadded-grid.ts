import type { PixelBox } from "../crop.ts"
import type { PixelSize } from "../rgb-image.ts"

/** Python's `int(round(value, 7))`, for values of at least 0: a value just below a whole number becomes that number. */
export const intOfRounded = (value: number): number => {
  const above = Math.ceil(value)
  return above - value <= 5e-8 ? above : Math.floor(value)
}

/** Python's `a // b` of floats, for positive ones: exact, where `Math.floor(a / b)` may be one more. */
export const floorDivided = (a: number, b: number): number => {
  const quotient = (a - (a % b)) / b
  const floor = Math.floor(quotient)
  return quotient - floor > 0.5 ? floor + 1 : floor
}

/**
 * Of a grid of rows that were made of a picture on a canvas, those that the picture itself fills: what is cut off is the same at both ends
 * (`unpad_image` of transformers' `modeling_llava_onevision`). One side may be left with nothing.
 */
export const unpadded = (picture: PixelSize, grid: PixelSize): PixelBox => {
  if (picture.width / picture.height > grid.width / grid.height) {
    const top = Math.floor((grid.height - intOfRounded(picture.height * (grid.width / picture.width))) / 2)
    return { left: 0, top, width: grid.width, height: grid.height - 2 * top }
  }
  const left = Math.floor((grid.width - intOfRounded(picture.width * (grid.height / picture.height))) / 2)
  return { left, top: 0, width: grid.width - 2 * left, height: grid.height }
}

/** A grid with at most about `most` rows in all: as it is up to 1.1 times their square root a side, else made smaller (`pack_image_features`, `anyres_max`). */
export const shrunk = ({ height, width }: PixelSize, most: number): PixelSize => {
  const ratio = Math.sqrt((height * width) / most)
  return ratio > 1.1 ? { width: floorDivided(width, ratio), height: floorDivided(height, ratio) } : { width, height }
}
