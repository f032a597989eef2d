import { bucketedPositions, positionsOnGrid, torchArange } from "../../compile/blocks/bucketed-positions.ts"

const { fround } = Math

/** Rows and columns of patches of one part: an overview, a slice, a frame. */
export interface PartSize {
  readonly rows: number
  readonly columns: number
}

/** Which of `across` learned positions along a side each of `count` patches has in 2.6 (published `SiglipVisionEmbeddings`): float32 steps, so that rounding shows. */
export const steppedPositions = (count: number, across: number): ReadonlyArray<number> => bucketedPositions(torchArange(0, 1 - 1e-6, fround(1 / count)), across)

/** The same in 4.6 (transformers `get_vision_nearest_position_ids`): quotients. */
export const quotientPositions = (count: number, across: number): ReadonlyArray<number> =>
  bucketedPositions(
    Float32Array.from({ length: count }, (_, i) => i / count),
    across
  )

/** Learned position of each patch, row by row. */
export const partPositions = (
  { columns, rows }: PartSize,
  across: number,
  along: (count: number, across: number) => ReadonlyArray<number>
): ReadonlyArray<number> => positionsOnGrid(along(rows, across), along(columns, across), across)

/** Sines, then cosines, of `count` places along one axis, [count, width] (`get_1d_sincos_pos_embed_from_grid_new` of the published resampler). */
export const waves = (count: number, width: number): Float32Array => {
  const half = width / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => fround(1 / fround(10000 ** fround(i / half))))
  const out = new Float32Array(count * width)
  for (let place = 0; place < count; place++) {
    for (let i = 0; i < half; i++) {
      const angle = fround(place * frequencies[i])
      out[place * width + i] = Math.sin(angle)
      out[place * width + half + i] = Math.cos(angle)
    }
  }
  return out
}

/** Rows of a grid in blocks of 2 x 2: block by block, each in reading order. Both sides are even. */
export const blockOrder = ({ columns, rows }: PartSize): ReadonlyArray<number> =>
  Array.from({ length: rows * columns }, (_, i) => {
    const [block, within] = [Math.floor(i / 4), i % 4]
    const [top, left] = [Math.floor(block / (columns / 2)) * 2, (block % (columns / 2)) * 2]
    return (top + Math.floor(within / 2)) * columns + left + (within % 2)
  })

/** A grid after blocks of 2 x 2 became one row. */
export const halved = ({ columns, rows }: PartSize): PartSize => ({ rows: rows / 2, columns: columns / 2 })
