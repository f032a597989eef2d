import type { PixelBox } from "../crop.ts"
import type { PixelSize } from "../rgb-image.ts"

/** Rows and columns of tiles. */
export interface TileArrangement {
  readonly rows: number
  readonly columns: number
}

/** Every arrangement of at most `maxTiles` tiles, in the order in which models number them (`get_all_supported_aspect_ratios` of transformers' mllama: rows first). */
export const tileArrangements = (maxTiles: number): ReadonlyArray<TileArrangement> =>
  Array.from({ length: maxTiles }, (_, rows) =>
    Array.from({ length: maxTiles }, (_, columns): TileArrangement => ({ rows: rows + 1, columns: columns + 1 })).filter(
      (one) => one.rows * one.columns <= maxTiles
    )
  ).flat()

/** A picture on a canvas of whole tiles. */
export interface TiledCanvas extends TileArrangement {
  /** What the picture is resized to; it stands in the canvas's upper left corner. */
  readonly size: PixelSize
  /** The canvas's tiles, row by row. They may go over the picture's edge. */
  readonly tiles: ReadonlyArray<PixelBox>
}

const { floor, max, min } = Math

/** The canvas that enlarges a picture least; where every one shrinks it, the one that shrinks it least; of equals the smallest (`get_optimal_tiled_canvas`). */
const arrangementFor = ({ height, width }: PixelSize, tile: number, maxTiles: number): TileArrangement => {
  const scaled = tileArrangements(maxTiles).map((arrangement) => ({
    arrangement,
    scale: min((arrangement.rows * tile) / height, (arrangement.columns * tile) / width)
  }))
  const enlarging = scaled.filter(({ scale }) => scale >= 1).map(({ scale }) => scale)
  const wanted = enlarging.length > 0 ? min(...enlarging) : max(...scaled.map(({ scale }) => scale))
  const best = scaled.filter(({ scale }) => scale === wanted).map(({ arrangement }) => arrangement)
  return best.reduce((least, one) => (one.rows * one.columns < least.rows * least.columns ? one : least))
}

/**
 * A picture fitted to a canvas of at most `maxTiles` tiles of `tile` pixels a side: its ratio about kept, no side longer than the canvas's, none enlarged beyond a
 * tile (`get_image_size_fit_to_canvas` of transformers 5.18 `image_processing_mllama`).
 */
export const tiledCanvas = ({ height, width }: PixelSize, tile: number, maxTiles: number): TiledCanvas => {
  const { columns, rows } = arrangementFor({ height, width }, tile, maxTiles)
  const [mostWidth, mostHeight] = [max(tile, min(width, columns * tile)), max(tile, min(height, rows * tile))]
  const [scaleWidth, scaleHeight] = [mostWidth / width, mostHeight / height]
  const size =
    scaleWidth < scaleHeight
      ? { width: mostWidth, height: min(floor(height * scaleWidth) || 1, mostHeight) }
      : { width: min(floor(width * scaleHeight) || 1, mostWidth), height: mostHeight }
  return {
    rows,
    columns,
    size,
    tiles: Array.from({ length: rows * columns }, (_, i) => ({ left: (i % columns) * tile, top: floor(i / columns) * tile, width: tile, height: tile }))
  }
}
