import { roundHalfEven } from "../../../modalities/image/smart-resize.ts"
import type { LayoutBuilder } from "../../session/layout-builder.ts"
import { pieceSegment } from "../../session/media-segment.ts"
import type { PlacedMedia } from "../../session/placeholder-planner.ts"

/**
 * Seconds that each temporal step stands for: the mean of its first and last frame's, by the clip's average rate. As in the reference, frames are grouped by `merge`,
 * the merge block's side, and the last one is repeated to fill a group (`Qwen3VLProcessor._calculate_timestamps`).
 */
export const timestamps = (indices: ReadonlyArray<number>, frameRate: number, merge: number, steps: number): ReadonlyArray<number> => {
  const seconds = (at: number) => indices[Math.min(at, indices.length - 1)] / frameRate
  return Array.from({ length: steps }, (_, step) => (seconds(step * merge) + seconds(step * merge + merge - 1)) / 2)
}

/** Seconds with one decimal, as Python's `:.1f` writes them: what lies in the middle goes to the even digit. */
export const oneDecimal = (seconds: number): string => (Number.isInteger(seconds * 4) ? (roundHalfEven(seconds * 10) / 10).toFixed(1) : seconds.toFixed(1))

/** A clip: for each temporal step its time as text, then its rows between a pair of markers (`Qwen3VLProcessor.__call__`). */
export const placeClip = (
  layout: LayoutBuilder,
  { index, plan }: Pick<PlacedMedia, "index" | "plan">,
  markers: { readonly start: number; readonly end: number }
): void => {
  let from = 0
  for (const piece of plan.pieces) {
    layout
      .text(`<${oneDecimal(piece.atSeconds ?? 0)} seconds>`)
      .control(markers.start)
      .segment(pieceSegment(plan, index, piece, from))
      .control(markers.end)
    from += piece.rows
  }
}
