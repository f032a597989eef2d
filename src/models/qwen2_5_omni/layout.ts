import type { MediaPlan } from "../../core/media-plan.ts"
import type { Run, Segment } from "../../core/segment.ts"
import { TokenGrid } from "../../core/token-grid.ts"
import { gridOf } from "../../session/media-segment.ts"
import { interleave } from "./interleave.ts"
import type { TimeScale } from "./positions.ts"

/** Ids of the marker tokens around and between media. */
export interface MarkerIds {
  readonly visionStart: number
  readonly visionEnd: number
  readonly audioStart: number
  readonly audioEnd: number
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
    _tag: "Interleaved",
    runs,
    tracks: [
      { media: videoIndex, grid, secondsPerStep },
      { media: soundIndex, grid: TokenGrid({ t: sound.rows, h: 1, w: 1 }) }
    ]
  }
}
