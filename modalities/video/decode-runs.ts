import type { FrameIndex } from "./frame-index.ts"

/** Frames that one run of ffmpeg decodes, in order. */
export interface DecodeRun {
  /** Numbers of the frames, rising. */
  readonly frames: ReadonlyArray<number>
  /** Whether the run begins at the key frame before its first frame instead of at the start of the clip. */
  readonly seeks: boolean
}

/** Stretches of frames that one run picks at most: its filter stands on the command line, which Windows bounds at 32,767 letters. */
const stretchesPerRun = 800
/** Pixels that are decoded about as fast as another process is started (80 ms). */
const pixelsPerStart = 40_000_000
/** Frames that are never worth another process. */
const framesPerStart = 24

/**
 * Splits picked frames into runs of ffmpeg. A new run begins where it leaves out more frames than it costs to start, because a key frame
 * stands before the next pick; without `seekable`, everything is one run from the start (or several of them, for very many picks). Pure.
 *
 * @param picks Numbers of frames, rising, each once.
 * @param pixels Width x height of a frame.
 */
export const decodeRuns = (picks: ReadonlyArray<number>, index: FrameIndex, pixels: number, seekable: boolean): ReadonlyArray<DecodeRun> => {
  const worthwhile = Math.max(framesPerStart, pixelsPerStart / Math.max(1, pixels))
  const runs: Array<DecodeRun> = []
  let frames: Array<number> = []
  let seeks = false
  let stretches = 0
  for (const pick of picks) {
    const last = frames.at(-1) ?? -1
    const key = seekable ? index.keyBefore(pick) : 0
    const skips = key - last > worthwhile
    if (frames.length > 0 && (skips || (stretches === stretchesPerRun && pick !== last + 1))) {
      runs.push({ frames, seeks })
      frames = []
      stretches = 0
    }
    if (frames.length === 0) seeks = key > 0 && (skips || runs.length > 0)
    if (frames.length === 0 || pick !== last + 1) stretches++
    frames.push(pick)
  }
  if (frames.length > 0) runs.push({ frames, seeks })
  return runs
}
