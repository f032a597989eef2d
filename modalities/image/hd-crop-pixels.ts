import { type Normalization, normalizationTable } from "./normalization.ts"
import { resample, type ResampleSettings } from "./resample.ts"
import type { RgbImage } from "./rgb-image.ts"
import type { HdCrops } from "./slicing/hd-crops.ts"

/** How a picture becomes an overview and crops. */
export interface HdCropPixelSettings {
  readonly crops: HdCrops
  /** Pixels along a side of a crop. */
  readonly crop: number
  readonly resample: ResampleSettings
  readonly normalization: Normalization
}

const A = -0.75

/** Weights of the four neighbours of a point `t` behind the second of them: cubic convolution, as PyTorch's. */
const cubicWeights = (t: number): readonly [number, number, number, number] => {
  const near = (x: number) => ((A + 2) * x - (A + 3)) * x * x + 1
  const far = (x: number) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A
  return [far(t + 1), near(t), near(1 - t), far(2 - t)]
}

/**
 * An overview of the canvas, then its crops row by row, [1 + crops, 3, crop, crop]: the picture resized, white behind it, normalized; the overview of the normalized
 * canvas, cubic, without antialias (`Phi4MultimodalImageProcessor._preprocess`).
 */
export const hdCropPixels = (
  image: RgbImage,
  { crop, crops: { columns, rows, size }, normalization, resample: settings }: HdCropPixelSettings
): Float32Array => {
  const picture = resample(image, size, settings)
  const table = normalizationTable(normalization)
  const area = crop * crop
  const data = new Float32Array((1 + rows * columns) * 3 * area)
  const levelAt = (channel: number, y: number, x: number): number =>
    y < size.height && x < size.width ? picture.data[(y * size.width + x) * 3 + channel] : 255
  const valueAt = (channel: number, y: number, x: number): number => table[channel * 256 + levelAt(channel, y, x)]
  for (let i = 0; i < rows * columns; i++) {
    const [top, left] = [Math.floor(i / columns) * crop, (i % columns) * crop]
    for (let channel = 0; channel < 3; channel++) {
      const out = ((1 + i) * 3 + channel) * area
      for (let y = 0; y < crop; y++) for (let x = 0; x < crop; x++) data[out + y * crop + x] = valueAt(channel, top + y, left + x)
    }
  }
  // The canvas is whole crops: every row, and every column, has the same weights.
  const across = cubicWeights((columns - 1) / 2 - Math.floor((columns - 1) / 2))
  const down = cubicWeights((rows - 1) / 2 - Math.floor((rows - 1) / 2))
  const clamp = (at: number, most: number) => Math.max(0, Math.min(most, at))
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < crop; y++) {
      const firstRow = y * rows + Math.floor((rows - 1) / 2) - 1
      for (let x = 0; x < crop; x++) {
        const firstColumn = x * columns + Math.floor((columns - 1) / 2) - 1
        let sum = 0
        for (let i = 0; i < 4; i++) {
          if (down[i] === 0) continue
          const row = clamp(firstRow + i, rows * crop - 1)
          let line = 0
          for (let j = 0; j < 4; j++) if (across[j] !== 0) line += across[j] * valueAt(channel, row, clamp(firstColumn + j, columns * crop - 1))
          sum += down[i] * line
        }
        data[channel * area + y * crop + x] = sum
      }
    }
  }
  return data
}
