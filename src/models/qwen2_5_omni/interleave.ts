/**
 * Cuts rows where their ascending `times` (position units) pass the next multiple of `each`. One window a cut, as the
 * reference does (transformers 4.57.6, `Qwen2_5OmniProcessor.get_chunked_index`): where a step skips a window, its
 * first row is cut off alone.
 */
export const cutByTime = (times: ArrayLike<number>, each: number): ReadonlyArray<readonly [from: number, to: number]> => {
  const cuts: Array<readonly [number, number]> = []
  let start = 0
  for (let i = 0; i < times.length; i++) {
    if (times[i] < (cuts.length + 1) * each) continue
    cuts.push([start, i])
    start = i
  }
  return [...cuts, [start, times.length]]
}

/** One window of a clip with sound: stretches of video rows and of sound rows; one may be absent. */
export interface Window {
  readonly video?: readonly [from: number, to: number]
  readonly sound?: readonly [from: number, to: number]
}

/** Rows of video first, then of sound, window by window. Both take a time a row, in position units. */
export const interleave = (frames: ArrayLike<number>, sounds: ArrayLike<number>, each: number): ReadonlyArray<Window> => {
  const [video, sound] = [cutByTime(frames, each), cutByTime(sounds, each)]
  return Array.from({ length: Math.max(video.length, sound.length) }, (_, i) => ({
    ...(i < video.length ? { video: video[i] } : {}),
    ...(i < sound.length ? { sound: sound[i] } : {})
  }))
}
