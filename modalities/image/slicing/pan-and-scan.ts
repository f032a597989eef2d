import type { PixelBox } from "../crop.ts"
import type { PixelSize } from "../rgb-image.ts"

/** When and how finely a picture is cut. */
export interface PanAndScanSettings {
  /** Pixels that each side of a crop must have at the least. */
  readonly minCropSize: number
  /** Crops at the most, 1 or more. */
  readonly maxCrops: number
  /** Long side to short side from which on a picture is cut. */
  readonly minRatio: number
}

/**
 * Crops of a long picture along its long side, in order, each as high or as wide as the picture; none where it is not long enough or crops would be too
 * small (`pan_and_scan_batched` of transformers' `Gemma3ImageProcessor`). The last may be smaller. Crops that would be empty, which the reference
 * fails on, are left out.
 */
export const panAndScan = ({ height, width }: PixelSize, { maxCrops, minCropSize, minRatio }: PanAndScanSettings): ReadonlyArray<PixelBox> => {
  const [long, short] = width >= height ? [width, height] : [height, width]
  if (long / short < minRatio) return []
  // A half rounds up.
  const wanted = Math.min(Math.floor(long / minCropSize), Math.floor(long / short + 0.5))
  const count = Math.min(maxCrops, Math.max(2, wanted))
  const step = Math.ceil(long / count)
  if (Math.min(step, short) < minCropSize) return []
  return Array.from({ length: Math.ceil(long / step) }, (_, i) => {
    const size = Math.min(step, long - i * step)
    return width >= height ? { left: i * step, top: 0, width: size, height } : { left: 0, top: i * step, width, height: size }
  })
}
