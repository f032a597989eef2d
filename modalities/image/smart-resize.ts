import { Effect } from "effect"
import { LimitExceeded } from "../../src/core/errors.ts"
import type { PixelSize } from "./rgb-image.ts"

/** What Qwen's processors ask of a size. */
export interface SmartResizeBounds {
  /** Both sides become multiples of it: patch side x merge side. */
  readonly factor: number
  /** Least width x height. */
  readonly minPixels: number
  /** Most width x height. */
  readonly maxPixels: number
}

/** The longest side may be so many times the shortest. */
export const maxAspectRatio = 200

/** Python's `round`: half to even. For values of at least 0. */
export const roundHalfEven = (value: number): number => {
  const below = Math.floor(value)
  const rest = value - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}

/**
 * The size that Qwen2-VL's processors give a picture: sides are multiples of the factor, pixels within the bounds, the ratio about kept
 * (`smart_resize` of transformers 4.57.6). A side may round to 0; such a size has 0 pixels and so is enlarged, and what is
 * enlarged may pass `maxPixels` a little, as it does there. A ratio over 200 fails with `LimitExceeded`.
 */
export const smartResize = (size: PixelSize, bounds: SmartResizeBounds, source: string): Effect.Effect<PixelSize, LimitExceeded> => {
  const { factor, minPixels, maxPixels } = bounds
  const { width, height } = size
  const ratio = Math.max(width, height) / Math.min(width, height)
  if (ratio > maxAspectRatio) {
    return Effect.fail(
      new LimitExceeded({
        stage: "plan",
        source,
        limit: "aspect ratio",
        needed: ratio,
        allowed: maxAspectRatio,
        message: `${source}: ${width} x ${height} pixels have an aspect ratio of ${ratio.toFixed(1)}; at most ${maxAspectRatio} is allowed`
      })
    )
  }
  const across = roundHalfEven(width / factor) * factor
  const down = roundHalfEven(height / factor) * factor
  if (across * down > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels)
    const shrink = (side: number): number => Math.max(factor, Math.floor(side / beta / factor) * factor)
    return Effect.succeed({ width: shrink(width), height: shrink(height) })
  }
  if (across * down < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width))
    const grow = (side: number): number => Math.ceil((side * beta) / factor) * factor
    return Effect.succeed({ width: grow(width), height: grow(height) })
  }
  return Effect.succeed({ width: across, height: down })
}
