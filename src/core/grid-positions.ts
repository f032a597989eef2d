import { inOrder, make, type Placed, type PositionAssigner } from "./position-assigner.ts"
import { rowsOfSegment, type Segment } from "./segment.ts"
import { rowsOf, type TokenGrid } from "./token-grid.ts"

/** Rows `from`..`to` of a grid whose corner stands at `start`, on three axes: time, height, width. `time`: position of a step, from the grid's start. */
export const placeGrid = (grid: TokenGrid, time: (step: number) => number, from: number, to: number, start: number): Placed => {
  const plane = grid.h * grid.w
  const rows = to - from
  const ids = [new Int32Array(rows), new Int32Array(rows), new Int32Array(rows)]
  let largest = start - 1
  for (let row = 0; row < rows; row++) {
    const [step, cell] = [Math.floor((from + row) / plane), (from + row) % plane]
    ids[0][row] = start + time(step)
    ids[1][row] = start + Math.floor(cell / grid.w)
    ids[2][row] = start + (cell % grid.w)
    largest = Math.max(largest, ids[0][row], ids[1][row], ids[2][row])
  }
  return { ids, next: largest + 1, largest }
}

/** Position of a temporal step that stands for seconds: float32, truncated, as `get_rope_index` of transformers multiplies. */
export const positionAtSeconds = (step: number, secondsPerStep: number, positionsPerSecond: number): number =>
  Math.trunc(Math.fround(Math.fround(step * Math.fround(secondsPerStep)) * positionsPerSecond))

/**
 * Where text and grids stand on three axes, a grid followed by its own largest position + 1 (`get_rope_index` of transformers 4.57.6).
 * `positionsPerSecond`: steps stand at their seconds, where the segment knows them; absent: a step is its number.
 */
export const placeOnGrid =
  (positionsPerSecond?: number) =>
  (segment: Segment, start: number): Placed => {
    if (segment._tag !== "Media" || segment.grid === undefined) return inOrder(3, rowsOfSegment(segment), start)
    const { grid, secondsPerStep } = segment
    const time =
      positionsPerSecond === undefined || secondsPerStep === undefined
        ? (step: number) => step
        : (step: number) => positionAtSeconds(step, secondsPerStep, positionsPerSecond)
    return placeGrid(grid, time, 0, rowsOf(grid), start)
  }

/** `placeOnGrid` as a family's positions. */
export const gridPositions = (positionsPerSecond?: number): PositionAssigner => make(3, placeOnGrid(positionsPerSecond))
