import type { PixelSize, RgbImage } from "./rgb-image.ts"

/** Pixels of a picture: `left`, `top`, and how many from there. */
export interface PixelBox extends PixelSize {
  readonly left: number
  readonly top: number
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
