import { naturalLog } from "./natural-log.ts"
import { roundHalfEven } from "../smart-resize.ts"
import type { PixelBox } from "../picture-recipe.ts"
import type { PixelSize } from "../rgb-image.ts"

/** How pictures are cut by a grid that suits their shape. */
export interface AdaptiveGridSettings {
  /** A slice has about the pixels of a square of so many a side. */
  readonly scale: number
  /** Sides of the overview and of slices are multiples of it. */
  readonly unit: number
  /** Slices at the most, the overview not counted. */
  readonly maxSlices: number
  /** How a length becomes a multiple: to the nearest, a half to the even one (MiniCPM-V), or the one below (LLaVA-UHD). */
  readonly rounding: "nearest" | "down"
  /** Which of grids that suit equally well: the first with fewest columns (MiniCPM-V 2.6, LLaVA-UHD), or the one with most rows (4.6). */
  readonly ties: "fewest columns" | "most rows"
}

/** A picture cut by a grid. */
export interface AdaptiveGrid {
  /** The whole picture, made smaller, or larger where it is not cut. */
  readonly overview: PixelSize
  /** 0 where it is not cut. */
  readonly rows: number
  readonly columns: number
  /** What the picture is resized to before it is cut; undefined where it is not. */
  readonly refined?: PixelSize
  /** Row by row. */
  readonly slices: ReadonlyArray<PixelBox>
}

/** The nearest multiple of `unit`, at least one. */
const multipleOf = (length: number, unit: number, rounding: AdaptiveGridSettings["rounding"]): number =>
  Math.max((rounding === "nearest" ? roundHalfEven(length / unit) : Math.floor(length / unit)) * unit, unit)

/** A size of about `scale`² pixels in the picture's proportion, in multiples of the unit; one that is smaller stays, unless it may be enlarged. */
const bestResize = ({ height, width }: PixelSize, { rounding, scale, unit }: AdaptiveGridSettings, enlarge: boolean): PixelSize => {
  if (width * height <= scale * scale && !enlarge) return { width: multipleOf(width, unit, rounding), height: multipleOf(height, unit, rounding) }
  const ratio = width / height
  const down = Math.trunc(scale / Math.sqrt(ratio))
  return { width: multipleOf(Math.trunc(down * ratio), unit, rounding), height: multipleOf(down, unit, rounding) }
}

/** Of all grids with about as many cells as the picture has squares of the scale, the one whose shape comes nearest to the picture's, by the logarithm of the ratio. */
const bestGrid = (
  { height, width }: PixelSize,
  { maxSlices, scale, ties }: AdaptiveGridSettings
): { readonly rows: number; readonly columns: number } | undefined => {
  const wanted = Math.min(Math.ceil((width * height) / (scale * scale)), maxSlices)
  if (wanted <= 1) return undefined
  const shape = naturalLog(width / height)
  let best = { rows: 1, columns: 1 }
  let least = Infinity
  for (const cells of [wanted - 1, wanted, wanted + 1]) {
    if (cells === 1 || cells > maxSlices) continue
    for (let step = 1; step <= cells; step++) {
      if (cells % step !== 0) continue
      const [rows, columns] = ties === "most rows" ? [step, cells / step] : [cells / step, step]
      const error = Math.abs(shape - naturalLog(columns / rows))
      if (error < least || (ties === "most rows" && error === least && rows > best.rows)) {
        best = { rows, columns }
        least = error
      }
    }
  }
  return best
}

/** Cuts a picture (`slice_image` of MiniCPM-V's and LLaVA-UHD's published code; `get_sliced_grid`, `find_best_resize`, `get_refine_size`). */
export const adaptiveGrid = (size: PixelSize, settings: AdaptiveGridSettings): AdaptiveGrid => {
  const grid = bestGrid(size, settings)
  if (grid === undefined) return { overview: bestResize(size, settings, true), rows: 0, columns: 0, slices: [] }
  const { columns, rows } = grid
  const cell = bestResize(
    { width: multipleOf(size.width, columns, settings.rounding) / columns, height: multipleOf(size.height, rows, settings.rounding) / rows },
    settings,
    true
  )
  return {
    overview: bestResize(size, settings, false),
    rows,
    columns,
    refined: { width: cell.width * columns, height: cell.height * rows },
    slices: Array.from({ length: rows * columns }, (_, i) => ({ left: (i % columns) * cell.width, top: Math.floor(i / columns) * cell.height, ...cell }))
  }
}
