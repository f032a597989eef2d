import { inOrder, make, type Placed, type PositionAssigner } from "../../core/position-assigner.ts"
import { rowsOfSegment, type Segment, type Track } from "../../core/segment.ts"
import { rowsOf, type TokenGrid } from "../../core/token-grid.ts"
import { interleave } from "./interleave.ts"

/** Time scale of TMRoPE: `position_id_per_seconds`, and positions in one interleaving window (`seconds_per_chunk` of them). */
export interface TimeScale {
  readonly positionsPerSecond: number
  readonly positionsPerWindow: number
}

/** Position of a temporal step: float32, truncated, as the reference multiplies. */
export const timeOf = (step: number, secondsPerStep: number, positionsPerSecond: number): number =>
  Math.trunc(Math.fround(Math.fround(step * Math.fround(secondsPerStep)) * positionsPerSecond))

/** Rows `from`..`to` of a grid whose corner stands at `start`: time, height, width. */
const placeGrid = (grid: TokenGrid, time: (step: number) => number, from: number, to: number, start: number): Placed => {
  const plane = grid.h * grid.w
  const rows = to - from
  const ids = [new Int32Array(rows), new Int32Array(rows), new Int32Array(rows)]
  let largest = start - 1
  for (let row = 0; row < rows; row++) {
    const [step, cell] = [Math.floor((from + row) / plane), (from + row) % plane]
    ids[0][row] = start + time(step)
    ids[1][row] = start + Math.floor(cell / grid.w)
    ids[2][row] = start + cell % grid.w
    largest = Math.max(largest, ids[0][row], ids[1][row], ids[2][row])
  }
  return { ids, next: largest + 1, largest }
}

/**
 * A clip with its sound. Both bos markers share one position, both eos markers too; rows of both media count from the
 * same start. Windows are cut at truncated float32 times here, as `get_rope_index` does.
 */
const placeClip = (video: Track, sound: Track, start: number, scale: TimeScale): Placed => {
  const time = (step: number) => timeOf(step, video.secondsPerStep ?? 1, scale.positionsPerSecond)
  const plane = video.grid.h * video.grid.w
  const frameTimes = Array.from({ length: rowsOf(video.grid) }, (_, row) => time(Math.floor(row / plane)))
  const soundTimes = Array.from({ length: rowsOf(sound.grid) }, (_, row) => row)
  const pieces: Array<Placed> = [inOrder(3, 1, start), inOrder(3, 1, start)]
  for (const window of interleave(frameTimes, soundTimes, scale.positionsPerWindow)) {
    if (window.video !== undefined) pieces.push(placeGrid(video.grid, time, window.video[0], window.video[1], start + 1))
    if (window.sound !== undefined) pieces.push(inOrder(3, window.sound[1] - window.sound[0], start + 1 + window.sound[0]))
  }
  const end = pieces[pieces.length - 1].largest + 1
  pieces.push(inOrder(3, 1, end), inOrder(3, 1, end))
  return {
    ids: [0, 1, 2].map((axis) => pieces.flatMap(({ ids }) => Array.from(ids[axis]))),
    next: end + 1,
    largest: pieces.reduce((most, { largest }) => Math.max(most, largest), start)
  }
}

/** TMRoPE, three axes: time, height, width (Qwen2.5-Omni technical report; transformers 4.57.6 `get_rope_index`). */
export const tmrope = (scale: TimeScale): PositionAssigner => make(3, (segment: Segment, start: number): Placed => {
  if (segment._tag === "Media" && segment.grid !== undefined) {
    const each = segment.secondsPerStep
    // Pictures have one step; without seconds a step is its number.
    return placeGrid(segment.grid, (step) => each === undefined ? step : timeOf(step, each, scale.positionsPerSecond), 0, rowsOf(segment.grid), start)
  }
  if (segment._tag === "Interleaved") return placeClip(segment.tracks[0], segment.tracks[1], start, scale)
  return inOrder(3, rowsOfSegment(segment), start)
})
