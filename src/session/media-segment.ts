import type { MediaPlan } from "../core/media-plan.ts"
import type { Segment } from "../core/segment.ts"
import { rowsOf, TokenGrid } from "../core/token-grid.ts"

/** The whole grid of a medium whose pieces are its temporal steps; one column of rows where pieces stand on no grid. */
export const gridOf = (plan: MediaPlan): TokenGrid => {
  const first = plan.pieces[0]?.grid
  return first === undefined ? TokenGrid({ t: plan.rows, h: 1, w: 1 }) : TokenGrid({ t: plan.pieces.length, h: first.h, w: first.w })
}

/** One medium's rows as a segment, without markers. */
export const mediaSegment = (plan: MediaPlan, index: number): Segment => {
  const grid = gridOf(plan)
  const onGrid = plan.pieces[0]?.grid !== undefined && rowsOf(grid) === plan.rows
  return {
    _tag: "Media",
    attention: "causal",
    rows: { _tag: "Rows", media: index, from: 0, count: plan.rows },
    ...(onGrid ? { grid } : {}),
    ...(onGrid && plan.secondsPerStep !== undefined ? { secondsPerStep: plan.secondsPerStep } : {})
  }
}

/** One piece of a medium as a segment of its own: its rows from `from` on. */
export const pieceSegment = (
  plan: MediaPlan,
  index: number,
  piece: MediaPlan["pieces"][number],
  from: number,
  attention: "causal" | "bidirectional" = "causal"
): Segment => ({
  _tag: "Media",
  attention,
  rows: { _tag: "Rows", media: index, from, count: piece.rows },
  ...(piece.grid === undefined ? {} : { grid: piece.grid }),
  ...(plan.secondsPerStep === undefined ? {} : { secondsPerStep: plan.secondsPerStep })
})
