import type { MediaPlan } from "../../core/media-plan.ts"
import type { Run, Segment } from "../../core/segment.ts"
import { rowsOf, TokenGrid } from "../../core/token-grid.ts"
import { interleave } from "./interleave.ts"
import type { TimeScale } from "./positions.ts"

/** Ids of the marker tokens around and between media. */
export interface MarkerIds {
  readonly visionStart: number
  readonly visionEnd: number
  readonly audioStart: number
  readonly audioEnd: number
}

/** The whole grid of a medium whose pieces are its temporal steps; one column of rows where pieces stand on no grid. */
export const gridOf = (plan: MediaPlan): TokenGrid => {
  const first = plan.pieces[0]?.grid
  return first === undefined ? TokenGrid({ t: plan.rows, h: 1, w: 1 }) : TokenGrid({ t: plan.pieces.length, h: first.h, w: first.w })
}

/**
 * A clip with its sound as one segment, both marker pairs inside. Windows follow float64 seconds, untruncated, as
 * `Qwen2_5OmniProcessor.replace_multimodal_special_tokens` does; positions truncate, and the two can disagree.
 */
export const clipWithSound = (video: MediaPlan, videoIndex: number, sound: MediaPlan, soundIndex: number, ids: MarkerIds, scale: TimeScale): Segment => {
  const grid = gridOf(video)
  const plane = grid.h * grid.w
  const secondsPerStep = video.secondsPerStep ?? 1
  const frameTimes = Array.from({ length: video.rows }, (_, row) => Math.floor(row / plane) * secondsPerStep * scale.positionsPerSecond)
  const soundTimes = Array.from({ length: sound.rows }, (_, row) => row)
  const runs: Array<Run> = [{ _tag: "Tokens", tokens: Int32Array.of(ids.visionStart, ids.audioStart) }]
  const add = (media: number, stretch: readonly [number, number] | undefined) => {
    if (stretch !== undefined) runs.push({ _tag: "Rows", media, from: stretch[0], count: stretch[1] - stretch[0] })
  }
  for (const window of interleave(frameTimes, soundTimes, scale.positionsPerWindow)) {
    add(videoIndex, window.video)
    add(soundIndex, window.sound)
  }
  runs.push({ _tag: "Tokens", tokens: Int32Array.of(ids.audioEnd, ids.visionEnd) })
  return {
    _tag: "Interleaved", runs,
    tracks: [{ media: videoIndex, grid, secondsPerStep }, { media: soundIndex, grid: TokenGrid({ t: sound.rows, h: 1, w: 1 }) }]
  }
}

/** One medium's rows as a segment, without markers. */
export const mediaSegment = (plan: MediaPlan, index: number): Segment => {
  const grid = gridOf(plan)
  const onGrid = plan.pieces[0]?.grid !== undefined && rowsOf(grid) === plan.rows
  return {
    _tag: "Media", attention: "causal", rows: { _tag: "Rows", media: index, from: 0, count: plan.rows },
    ...(onGrid ? { grid } : {}),
    ...(onGrid && plan.secondsPerStep !== undefined ? { secondsPerStep: plan.secondsPerStep } : {})
  }
}
