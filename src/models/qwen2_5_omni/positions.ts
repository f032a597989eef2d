import { placeGrid, placeOnGrid, positionAtSeconds } from "../../core/grid-positions.ts"
import { inOrder, make, type Placed, type PositionAssigner } from "../../core/position-assigner.ts"
import type { Segment, Track } from "../../core/segment.ts"
import { rowsOf } from "../../core/token-grid.ts"
import { interleave } from "./interleave.ts"

/** Time scale of TMRoPE: `position_id_per_seconds`, and positions in one interleaving window (`seconds_per_chunk` of them). */
export interface TimeScale {
  readonly positionsPerSecond: number
  readonly positionsPerWindow: number
}

/**
 * A clip with its sound. Both bos markers share one position, both eos markers too; rows of both media count from the
 * same start. Windows are cut at truncated float32 times here, as `get_rope_index` does.
 */
const placeClip = (video: Track, sound: Track, start: number, scale: TimeScale): Placed => {
  const time = (step: number) => positionAtSeconds(step, video.secondsPerStep ?? 1, scale.positionsPerSecond)
  const plane = video.grid.h * video.grid.w
  const frameTimes = new Float64Array(rowsOf(video.grid))
  for (let step = 0; step < video.grid.t; step++) frameTimes.fill(time(step), step * plane, (step + 1) * plane)
  const soundTimes = inOrder(1, rowsOf(sound.grid), 0).ids[0]
  const pieces: Array<Placed> = [inOrder(3, 1, start), inOrder(3, 1, start)]
  for (const window of interleave(frameTimes, soundTimes, scale.positionsPerWindow)) {
    if (window.video !== undefined) pieces.push(placeGrid(video.grid, time, window.video[0], window.video[1], start + 1))
    if (window.sound !== undefined) pieces.push(inOrder(3, window.sound[1] - window.sound[0], start + 1 + window.sound[0]))
  }
  const end = pieces[pieces.length - 1].largest + 1
  pieces.push(inOrder(3, 1, end), inOrder(3, 1, end))
  const ids = [0, 1, 2].map(() => new Int32Array(2 + frameTimes.length + soundTimes.length + 2))
  let row = 0
  for (const piece of pieces) {
    ids.forEach((all, axis) => all.set(piece.ids[axis], row))
    row += piece.ids[0].length
  }
  return {
    ids,
    next: end + 1,
    largest: pieces.reduce((most, { largest }) => Math.max(most, largest), start)
  }
}

/** TMRoPE, three axes: time, height, width (Qwen2.5-Omni technical report; transformers 4.57.6 `get_rope_index`). */
export const tmrope = (scale: TimeScale): PositionAssigner => {
  const placed = placeOnGrid(scale.positionsPerSecond)
  return make(3, (segment: Segment, start: number): Placed =>
    segment._tag === "Interleaved" ? placeClip(segment.tracks[0], segment.tracks[1], start, scale) : placed(segment, start)
  )
}
