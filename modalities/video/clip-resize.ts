import { Effect } from "effect"
import { LimitExceeded } from "../../src/core/errors.ts"
import type { PixelSize } from "../image/rgb-image.ts"
import { maxAspectRatio, roundHalfEven } from "../image/smart-resize.ts"

/** What Qwen3-VL's processor asks of a clip's size. */
export interface ClipBounds {
  /** Both sides become multiples of it: patch side x merge side. */
  readonly factor: number
  /** Frames are counted in multiples of it. */
  readonly temporalFactor: number
  /** Least and most frames x width x height. */
  readonly minPixels: number
  readonly maxPixels: number
}

/**
 * The size of each frame of a clip whose bounds are for all of its frames together (`smart_resize` of transformers 4.57.6's
 * `video_processing_qwen3_vl`): bounds compare with rounded frames, the ratio is taken from the unrounded. A side below the factor, a
 * ratio over 200 or fewer frames than the temporal factor fail with `LimitExceeded`, as it refuses them.
 */
export const clipResize = (size: PixelSize, frames: number, bounds: ClipBounds, source: string): Effect.Effect<PixelSize, LimitExceeded> => {
  const { factor, maxPixels, minPixels, temporalFactor } = bounds
  const { height, width } = size
  const refuse = (limit: string, needed: number, allowed: number, why: string) =>
    Effect.fail(new LimitExceeded({ stage: "plan", source, limit, needed, allowed, message: `${source}: ${why}` }))
  const [shortest, longest] = [Math.min(height, width), Math.max(height, width)]
  if (frames < temporalFactor) return refuse("frames", frames, temporalFactor, `${frames} frames; at least ${temporalFactor} are needed`)
  if (shortest < factor) return refuse("side of a frame", shortest, factor, `frames of ${width} x ${height} pixels; each side must have at least ${factor}`)
  if (longest / shortest > maxAspectRatio) {
    return refuse(
      "aspect ratio",
      longest / shortest,
      maxAspectRatio,
      `${width} x ${height} pixels have an aspect ratio of ${(longest / shortest).toFixed(1)}; at most ${maxAspectRatio} is allowed`
    )
  }
  const across = roundHalfEven(width / factor) * factor
  const down = roundHalfEven(height / factor) * factor
  const counted = roundHalfEven(frames / temporalFactor) * temporalFactor
  if (counted * down * across > maxPixels) {
    const beta = Math.sqrt((frames * height * width) / maxPixels)
    const shrink = (side: number): number => Math.max(factor, Math.floor(side / beta / factor) * factor)
    return Effect.succeed({ width: shrink(width), height: shrink(height) })
  }
  if (counted * down * across < minPixels) {
    const beta = Math.sqrt(minPixels / (frames * height * width))
    const grow = (side: number): number => Math.ceil((side * beta) / factor) * factor
    return Effect.succeed({ width: grow(width), height: grow(height) })
  }
  return Effect.succeed({ width: across, height: down })
}
