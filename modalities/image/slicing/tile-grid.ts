import type { PixelBox } from "../crop.ts"
import type { PixelSize } from "../rgb-image.ts"

/** No side is enlarged beyond it (`MAX_IMAGE_SIZE` of transformers' Idefics3). */
const LARGEST_SIDE = 4096

/**
 * The longer side as `longest` pixels, enlarged where it is shorter; the other in proportion, truncated, made even, at least 1 (`get_resize_output_image_size`
 * of transformers' `image_processing_idefics3`).
 */
export const longestSide = ({ height, width }: PixelSize, longest: number): PixelSize => {
  const ratio = width / height
  const even = (side: number) => Math.max(1, Math.trunc(side) + (Math.trunc(side) % 2))
  const first = width >= height ? { width: longest, height: even(longest / ratio) } : { width: even(longest * ratio), height: longest }
  const [w, h] = [first.width, first.height]
  const scaled =
    w >= h && w > LARGEST_SIDE
      ? { width: LARGEST_SIDE, height: Math.trunc(LARGEST_SIDE / (w / h)) }
      : h > w && h > LARGEST_SIDE
        ? { width: Math.trunc(LARGEST_SIDE * (w / h)), height: LARGEST_SIDE }
        : first
  return { width: Math.max(1, scaled.width), height: Math.max(1, scaled.height) }
}

/** A picture cut into a grid of squares. */
export interface TileGrid {
  /** What the picture is resized to before it is cut: whole tiles. */
  readonly size: PixelSize
  /** 0 where it is one tile, and so not cut. */
  readonly rows: number
  readonly columns: number
  /** Row by row. */
  readonly tiles: ReadonlyArray<PixelBox>
}

/** A picture of `size` raised to whole tiles of `tile` pixels a side, and cut (`resize_for_vision_encoder`, `split_images`). */
export const tileGrid = ({ height, width }: PixelSize, tile: number): TileGrid => {
  // A side of one pixel may come out as 0 (98 x (1 / 98) < 1), which the reference cannot resize to: it is one tile here.
  const raise = (side: number) => Math.max(1, Math.ceil(side / tile)) * tile
  const ratio = width / height
  const size =
    width >= height
      ? { width: raise(width), height: raise(Math.trunc(raise(width) / ratio)) }
      : { width: raise(Math.trunc(raise(height) * ratio)), height: raise(height) }
  const [rows, columns] = [size.height / tile, size.width / tile]
  if (rows <= 1 && columns <= 1) return { size: { width: tile, height: tile }, rows: 0, columns: 0, tiles: [] }
  return {
    size,
    rows,
    columns,
    tiles: Array.from({ length: rows * columns }, (_, i) => ({ left: (i % columns) * tile, top: Math.floor(i / columns) * tile, width: tile, height: tile }))
  }
}
