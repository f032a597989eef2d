import { HIDDEN } from "../../core/attention-inputs.ts"
import type { PatchGrid } from "../../core/token-grid.ts"

/** Rows gathered into windows, for the layers that attend within them. */
export interface WindowInputs {
  /** Row of each window's slot, slots without a row point at row 0: [windows x patches of a window] */
  readonly index: Int32Array
  /** 0, or HIDDEN in columns of slots without a row: [windows, 1, patches, patches] */
  readonly bias: Float32Array
  /** Slot of each row: [steps x patches] */
  readonly back: Int32Array
  readonly count: number
}

/** Row and column of each patch of one step, in merge-block order: blocks row by row, `merge` x `merge` patches in each. */
export const patchCoordinates = (grid: PatchGrid, merge: number): { readonly rows: Int32Array; readonly columns: Int32Array } => {
  const count = grid.h * grid.w
  const [rows, columns] = [new Int32Array(count), new Int32Array(count)]
  let at = 0
  for (let top = 0; top < grid.h; top += merge) {
    for (let left = 0; left < grid.w; left += merge) {
      for (let i = 0; i < merge * merge; i++, at++) {
        rows[at] = top + Math.floor(i / merge)
        columns[at] = left + (i % merge)
      }
    }
  }
  return { rows, columns }
}

type Coordinates = ReturnType<typeof patchCoordinates>

/**
 * Two-dimensional rotary, [steps x patches, headWidth / 2] each: the first half of the pairs turns by the row, the second by the column
 * (transformers 4.57.6 `Qwen2_5_VisionRotaryEmbedding`, theta 10,000).
 */
export const planeRotary = (coordinates: Coordinates, headWidth: number, steps: number): { readonly cos: Float32Array; readonly sin: Float32Array } => {
  const half = headWidth / 2
  const frequencies = Float32Array.from({ length: half / 2 }, (_, i) => 1 / 10000 ** ((2 * i) / half))
  const count = coordinates.rows.length
  const [cos, sin] = [new Float32Array(steps * count * half), new Float32Array(steps * count * half)]
  for (let row = 0; row < count; row++) {
    for (let pair = 0; pair < half; pair++) {
      const at = pair < half / 2 ? coordinates.rows[row] : coordinates.columns[row]
      const angle = Math.fround(at * frequencies[pair % (half / 2)])
      cos[row * half + pair] = Math.cos(angle)
      sin[row * half + pair] = Math.sin(angle)
    }
  }
  for (let step = 1; step < steps; step++) {
    cos.copyWithin(step * count * half, 0, count * half)
    sin.copyWithin(step * count * half, 0, count * half)
  }
  return { cos, sin }
}

/** Windows of `side` x `side` patches, step by step, row by row; those at the right and lower edge may be smaller, and none is empty (`get_window_index`). */
export const windowInputs = (grid: PatchGrid, coordinates: Coordinates, side: number, steps: number): WindowInputs => {
  const patches = grid.h * grid.w
  const across = Math.ceil(grid.w / side)
  const down = Math.ceil(grid.h / side)
  const size = side ** 2
  const count = steps * across * down
  const index = new Int32Array(count * size)
  const back = new Int32Array(steps * patches)
  const filled = new Int32Array(count)
  for (let step = 0; step < steps; step++) {
    for (let row = 0; row < patches; row++) {
      const window = (step * down + Math.floor(coordinates.rows[row] / side)) * across + Math.floor(coordinates.columns[row] / side)
      const slot = window * size + filled[window]++
      index[slot] = step * patches + row
      back[step * patches + row] = slot
    }
  }
  const bias = new Float32Array(count * size * size)
  for (let window = 0; window < count; window++) {
    if (filled[window] === size) continue
    for (let row = 0; row < size; row++) bias.fill(HIDDEN, (window * size + row) * size + filled[window], (window * size + row + 1) * size)
  }
  return { index, bias, back, count }
}

/** The four corners of a learned table around each patch, and their weights. */
export interface PositionInputs {
  /** [4, steps x patches] */
  readonly index: Int32Array
  /** [4, steps x patches, 1] */
  readonly weight: Float32Array
}

/** `torch.linspace(0, last, count)`: in single precision, from both ends. */
const linspace = (last: number, count: number): Float32Array => {
  const step = Math.fround(last / (count - 1))
  return Float32Array.from({ length: count }, (_, i) => (count === 1 ? 0 : i < Math.floor(count / 2) ? step * i : last - step * (count - i - 1)))
}

/** Bilinear with the corners aligned, from a square of `side` x `side` learned positions (transformers 4.57.6 `fast_pos_embed_interpolate`). */
export const positionInputs = (grid: PatchGrid, coordinates: Coordinates, side: number, steps: number): PositionInputs => {
  const [down, across] = [linspace(side - 1, grid.h), linspace(side - 1, grid.w)]
  const patches = grid.h * grid.w
  const rows = steps * patches
  const index = new Int32Array(4 * rows)
  const weight = new Float32Array(4 * rows)
  for (let row = 0; row < rows; row++) {
    const [y, x] = [down[coordinates.rows[row % patches]], across[coordinates.columns[row % patches]]]
    const [top, left] = [Math.trunc(y), Math.trunc(x)]
    const [bottom, right] = [Math.min(top + 1, side - 1), Math.min(left + 1, side - 1)]
    const [dy, dx] = [Math.fround(y - top), Math.fround(x - left)]
    const corners = [
      [top, left, 1 - dy, 1 - dx],
      [top, right, 1 - dy, dx],
      [bottom, left, dy, 1 - dx],
      [bottom, right, dy, dx]
    ]
    corners.forEach(([at, column, a, b], corner) => {
      index[corner * rows + row] = at * side + column
      weight[corner * rows + row] = Math.fround(a) * Math.fround(b)
    })
  }
  return { index, weight }
}
