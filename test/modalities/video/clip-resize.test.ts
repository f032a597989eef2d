import { it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { describe, expect } from "vitest"
import { clipResize } from "../../../modalities/video/clip-resize.ts"
import { mostPixels, utilityClips } from "../../../modalities/video/native-resolution.ts"
import { qwenVlTable } from "../../golden/layouts/qwen-vl-table.ts"

describe("sizes of clips whose bounds are for all frames together", () => {
  it.effect(`as Qwen3-VL's smart_resize gives or refuses them, ${qwenVlTable.clips.length} clips`, () =>
    Effect.gen(function* () {
      for (const { factor, frames, height, least, most, size, width } of qwenVlTable.clips) {
        const made = yield* Effect.result(clipResize({ width, height }, frames, { factor, temporalFactor: 2, minPixels: least, maxPixels: most }, "clip.mkv"))
        if (size === null) expect(Result.isFailure(made)).toBe(true)
        else expect(made).toEqual(Result.succeed({ width: size[0], height: size[1] }))
      }
    })
  )

  it.effect("a side below the factor is refused with its figures", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(clipResize({ width: 320, height: 24 }, 8, { factor: 32, temporalFactor: 2, minPixels: 1, maxPixels: 1e9 }, "low.mp4"))
      expect(failure).toMatchObject({ _tag: "LimitExceeded", needed: 24, allowed: 32 })
      expect(failure.message).toContain("low.mp4: frames of 320 x 24 pixels")
    })
  )
})

describe("sizes of long clips whose bounds are for each frame", () => {
  it("frames share what a clip may have, each at least a little more than the least", () => {
    const most = (frames: number, minPixels = utilityClips.minPixels) => mostPixels(utilityClips, frames, minPixels, 2)
    expect([most(4), most(300)]).toEqual([602_112, 602_112])
    expect(most(600)).toBe(301_056)
    expect(most(768)).toBe(235_200)
    expect(most(768, 400_000)).toBe(420_000)
  })
})
