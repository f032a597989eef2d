import type { PixelBox } from "../crop.ts"
import type { PixelSize } from "../rgb-image.ts"

/** A picture fitted into one of several canvases, and the canvas cut into tiles. */
export interface AnyResolution {
  readonly rows: number
  readonly columns: number
  /** What the picture is resized to, in its own proportion. */
  readonly resized: PixelSize
  /** The canvas around the resized picture: its corner stands left of and above it, or on it. */
  readonly canvas: PixelBox
  /** Row by row, on the canvas. */
  readonly tiles: ReadonlyArray<PixelBox>
}

/**
 * Of several canvases the one on which most of the picture's pixels stay, and of those that keep equally many the one with least left over; the first where both are
 * equal (`select_best_resolution` of transformers).
 */
export const bestResolution = ({ height, width }: PixelSize, resolutions: readonly [PixelSize, ...ReadonlyArray<PixelSize>]): PixelSize => {
  let best = resolutions[0]
  let [most, least] = [0, Infinity]
  for (const resolution of resolutions) {
    const scale = Math.min(resolution.width / width, resolution.height / height)
    const kept = Math.min(Math.trunc(width * scale) * Math.trunc(height * scale), width * height)
    const wasted = resolution.width * resolution.height - kept
    if (kept > most || (kept === most && wasted < least)) {
      best = resolution
      most = kept
      least = wasted
    }
  }
  return best
}

/** A picture in the middle of a canvas of `resolution`, as large as fits (`get_patch_output_size`, `_get_padding_size`), in tiles of `tile` pixels a side. */
export const anyResolution = ({ height, width }: PixelSize, resolution: PixelSize, tile: number): AnyResolution => {
  const [across, down] = [resolution.width / width, resolution.height / height]
  const resized =
    across < down
      ? { width: resolution.width, height: Math.min(Math.ceil(height * across), resolution.height) }
      : { width: Math.min(Math.ceil(width * down), resolution.width), height: resolution.height }
  const [rows, columns] = [Math.floor(resolution.height / tile), Math.floor(resolution.width / tile)]
  return {
    rows,
    columns,
    resized,
    canvas: { left: 0 - Math.floor((resolution.width - resized.width) / 2), top: 0 - Math.floor((resolution.height - resized.height) / 2), ...resolution },
    tiles: Array.from({ length: rows * columns }, (_, i) => ({ left: (i % columns) * tile, top: Math.floor(i / columns) * tile, width: tile, height: tile }))
  }
}
