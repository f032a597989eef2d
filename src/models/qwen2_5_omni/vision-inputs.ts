import { HIDDEN } from "../../core/attention-inputs.ts"
import type { PatchGrid } from "../../core/token-grid.ts"

/** What the vision encoder's graph takes beside patches, for `steps` temporal steps of one grid. */
export interface VisionInputs {
  /** [steps x patches, headWidth / 2] each */
  readonly cos: Float32Array
  readonly sin: Float32Array
  /** Row of each window's slot, slots without a row point at row 0: [windows x patches of a window] */
  readonly windowIndex: Int32Array
  /** 0, or HIDDEN in columns of slots without a row: [windows, 1, patches, patches] */
  readonly windowBias: Float32Array
  /** Slot of each row: [steps x patches] */
  readonly unwindowIndex: Int32Array
  readonly windows: number
}

/** Sizes that the inputs depend on. */
export interface VisionGeometry {
  readonly headWidth: number
  readonly merge: number
  /** Patches along one side of a window; a multiple of `merge`. */
  readonly windowSide: number
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
        columns[at] = left + i % merge
      }
    }
  }
  return { rows, columns }
}

/**
 * Two-dimensional rotary: the first half of the pairs turns by the row, the second by the column
 * (transformers 4.57.6 `Qwen2_5_VisionRotaryEmbedding`, theta 10,000).
 */
const rotary = (coordinates: { readonly rows: Int32Array; readonly columns: Int32Array }, headWidth: number, steps: number) => {
  const half = headWidth / 2
  const frequencies = Float32Array.from({ length: half / 2 }, (_, i) => 1 / 10000 ** (2 * i / half))
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

/** Everything that the host computes for `steps` steps of `grid` ([1, h, w] each). */
export const visionInputs = (grid: PatchGrid, steps: number, { headWidth, merge, windowSide }: VisionGeometry): VisionInputs => {
  const coordinates = patchCoordinates(grid, merge)
  const count = grid.h * grid.w
  const across = Math.ceil(grid.w / windowSide)
  const down = Math.ceil(grid.h / windowSide)
  const size = windowSide ** 2
  const windows = steps * across * down
  const windowIndex = new Int32Array(windows * size)
  const unwindowIndex = new Int32Array(steps * count)
  const filled = new Int32Array(windows)
  for (let step = 0; step < steps; step++) {
    for (let row = 0; row < count; row++) {
      const window = (step * down + Math.floor(coordinates.rows[row] / windowSide)) * across + Math.floor(coordinates.columns[row] / windowSide)
      const slot = window * size + filled[window]++
      windowIndex[slot] = step * count + row
      unwindowIndex[step * count + row] = slot
    }
  }
  const windowBias = new Float32Array(windows * size * size)
  for (let window = 0; window < windows; window++) {
    if (filled[window] === size) continue
    for (let row = 0; row < size; row++) windowBias.fill(HIDDEN, (window * size + row) * size + filled[window], (window * size + row + 1) * size)
  }
  return { ...rotary(coordinates, headWidth, steps), windowIndex, windowBias, unwindowIndex, windows }
}
