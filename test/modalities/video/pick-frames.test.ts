import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { countFrames, evenlySpaced, pickFrames, roundHalfEven } from "../../../modalities/video/pick-frames.ts"

const Table = Schema.fromJsonString(Schema.Array(Schema.Struct({ n: Schema.Int, k: Schema.Int, indices: Schema.Array(Schema.Int) })))
const table = Schema.decodeSync(Table)(readFileSync(new URL("./linspace.json", import.meta.url), "utf8"))

describe("frames are the ones that torch picks", () => {
  it(`in ${table.length} cases`, () => {
    for (const { indices, k, n } of table) expect(evenlySpaced(n - 1, k), `${k} of ${n}`).toStrictEqual(indices)
  })
})

describe("how many frames", () => {
  // n, rate, fps, most: from the rule by hand.
  const cases: ReadonlyArray<readonly [n: number, rate: number, fps: number, most: number | undefined, frames: number]> = [
    [300, 30, 2, undefined, 20],
    [300, 29.97, 2, undefined, 20],
    [120, 30_000 / 1001, 2, undefined, 8],
    [10, 30, 2, undefined, 4],
    [5, 30, 2, undefined, 4],
    [3, 30, 2, undefined, 2],
    [2, 30, 2, undefined, 2],
    [1, 30, 2, undefined, 2],
    [0, 30, 2, undefined, 0],
    [101, 10, 100, undefined, 100],
    [108_000, 30, 2, 768, 768],
    [108_000, 30, 2, 15, 14],
    [300, 0, 2, undefined, 4],
    [300, 30, 0.1, undefined, 4]
  ]
  for (const [frameCount, frameRate, fps, most, frames] of cases) {
    it(`${frameCount} frames at ${frameRate} a second, ${fps} asked for: ${frames}`, () => {
      expect(countFrames({ frameCount, frameRate, fps, ...(most === undefined ? {} : { maxFrames: most }) })).toBe(frames)
    })
  }
})

it("a clip of one frame is looked at twice", () => {
  expect(pickFrames({ frameCount: 1, frameRate: 30, fps: 2 }).indices).toStrictEqual([0, 0])
})

it("halves go to the even number", () => {
  expect([0.5, 1.5, 2.5, 3.49, 3.51, 4].map(roundHalfEven)).toStrictEqual([0, 2, 2, 3, 4, 4])
})

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

it.prop(
  "an even number of frames, from the first to the last, never falling, within every bound",
  {
    frameCount: int(2, 500_000),
    hundredths: int(1, 24_000),
    fps: int(1, 6000),
    maxFrames: int(4, 2000)
  },
  ({ fps, frameCount, hundredths, maxFrames }) => {
    const frameRate = hundredths / 100
    const { indices, sampledFps } = pickFrames({ frameCount, frameRate, fps: fps / 100, maxFrames })
    expect(indices.length % 2).toBe(0)
    expect(indices.length).toBeLessThanOrEqual(Math.max(2, Math.min(maxFrames, frameCount)))
    expect(indices[0]).toBe(0)
    expect(indices.at(-1)).toBe(frameCount - 1)
    expect(indices.every((index, at) => Number.isInteger(index) && (at === 0 || index > indices[at - 1]))).toBe(true)
    expect(Math.abs(sampledFps - (indices.length / frameCount) * frameRate)).toBeLessThan(1e-9)
    return true
  },
  { arbitrary: { runs: 1000 } }
)
