import type { PixelSize } from "../rgb-image.ts"

/** What a picture is cut into. */
export interface HdCropSettings {
  /** Pixels along a side of a crop. */
  readonly crop: number
  /** Pixels along a side of a patch. */
  readonly patch: number
  /** Crops at the most, the overview not counted. */
  readonly maxCrops: number
}

/** A picture in the upper left corner of a canvas of whole crops. */
export interface HdCrops {
  /** Crops of the canvas. */
  readonly rows: number
  readonly columns: number
  /** What the picture is resized to. */
  readonly size: PixelSize
  /** Patches of the canvas, down and across, that hold some of the picture; the others are hidden from attention. */
  readonly patchRows: number
  readonly patchColumns: number
}

/** How many crops across and down have the ratio closest to a picture's; of equally close ones the larger, where the picture has half its pixels (`find_closest_aspect_ratio`). */
const closestGrid = ({ height, width }: PixelSize, { crop, maxCrops }: HdCropSettings): { readonly columns: number; readonly rows: number } => {
  const grids = Array.from({ length: maxCrops }, (_, i) =>
    Array.from({ length: Math.floor(maxCrops / (i + 1)) }, (__, j) => ({ columns: i + 1, rows: j + 1 }))
  ).flat()
  let best = { columns: 1, rows: 1 }
  let least = Infinity
  for (const grid of grids.toSorted((a, b) => a.columns * a.rows - b.columns * b.rows)) {
    const apart = Math.abs(width / height - grid.columns / grid.rows)
    if (apart < least || (apart === least && width * height > 0.5 * crop * crop * grid.columns * grid.rows)) best = grid
    least = Math.min(least, apart)
  }
  return best
}

/**
 * The canvas that a picture is fitted to (`dynamic_preprocess` of transformers 5.18 `Phi4MultimodalImageProcessor`): as many crops as it covers, or, where that is
 * more than `maxCrops`, the grid of the closest ratio. One side of the picture fills the canvas; the other may come out below a pixel (the reference refuses less than 10).
 */
export const hdCrops = (picture: PixelSize, settings: HdCropSettings): HdCrops => {
  const { crop, maxCrops, patch } = settings
  const covered = { columns: Math.ceil(picture.width / crop), rows: Math.ceil(picture.height / crop) }
  const { columns, rows } = covered.columns * covered.rows > maxCrops ? closestGrid(picture, settings) : covered
  const canvas = { width: columns * crop, height: rows * crop }
  const [across, down] = [canvas.width / picture.width, canvas.height / picture.height]
  const size =
    across < down ? { width: canvas.width, height: Math.trunc(picture.height * across) } : { width: Math.trunc(picture.width * down), height: canvas.height }
  return {
    rows,
    columns,
    size,
    patchRows: canvas.height / patch - Math.floor((canvas.height - size.height) / patch),
    patchColumns: canvas.width / patch - Math.floor((canvas.width - size.width) / patch)
  }
}
