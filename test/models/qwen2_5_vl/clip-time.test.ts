import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { video } from "../../../src/face/media-values.ts"
import { checkpoints, planOf } from "../changed-checkpoint.ts"

const { file, folder, open, run } = checkpoints("qwen2_5_vl")
/** 40 frames, 8 a second. */
const clip = file("media", "clip.mkv")
const small = { minPixels: 784, maxPixels: 3136 }

describe("seconds of a clip's steps", () => {
  it("come from the rate really sampled, not from the one asked for, each clip its own", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const { plan, positions } = yield* planOf(model, video(clip, { fps: 1.7, ...small }), "and", video(clip, { fps: 2, ...small }), "What?")
        // qwen-vl-utils: k = floor_by_factor(40 / 8 * fps, 2) frames, sampled at k / 40 * 8 a second. 1.7: 8.5, 8 frames, 1.6 a second; 2: 10 frames, 2 a second. Steps are pairs.
        expect(plan.media.map(({ plan: one }) => one.geometry?.grid?.[0])).toEqual([4, 5])
        const [slow, fast] = plan.media.map(({ plan: one }) => one.secondsPerStep ?? 0)
        expect(slow).toBeCloseTo(1.25, 6)
        expect(fast).toBeCloseTo(1, 6)
        // tokens_per_second 2 (config.json): step s stands at trunc(s * 1.25 * 2), at s * 2 in the second; by the rate asked for, the first's would be trunc(s * 2 / 1.7 * 2): 0, 2, 4, 7.
        const time = Array.from(positions.ids.subarray(0, positions.ids.length / positions.axes))
        let row = 0
        const starts: Array<ReadonlyArray<number>> = []
        for (const segment of plan.layout.segments) {
          const count = segment._tag === "Text" ? segment.tokens.length : segment._tag === "Media" ? segment.rows.count : 0
          if (segment._tag === "Media") starts.push([...new Set(time.slice(row, row + count))])
          row += count
        }
        expect(row).toBe(time.length)
        expect(starts.map((steps) => steps.map((at) => at - steps[0]))).toEqual([
          [0, 2, 5, 7],
          [0, 2, 4, 6, 8]
        ])
      })
    ))
})
