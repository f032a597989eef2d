import type { RgbImage } from "../../../modalities/image/rgb-image.ts"

/** The picture of resample.py: bytes of a 32-bit xorshift; odd seeds give black and white alone. */
export const picture = (width: number, height: number, seed: number): RgbImage => {
  let x = Math.imul(seed, 2654435761) || 1
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    data[i] = seed % 2 === 1 ? (x & 0x10000 ? 255 : 0) : (x >> 16) & 255
  }
  return { width, height, data }
}
