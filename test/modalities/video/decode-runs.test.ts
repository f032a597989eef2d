import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { decodeRuns } from "../../../modalities/video/decode-runs.ts"
import { FrameIndex } from "../../../modalities/video/frame-index.ts"
import { selectFilter } from "../../../modalities/video/select-filter.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Frames at 30 a second, a key frame every `gop`. */
const steady = (frames: number, gop: number): FrameIndex => {
  const index = new FrameIndex([1, 30])
  for (let frame = 0; frame < frames; frame++) index.add(frame, frame % gop === 0)
  return index
}

describe("FrameIndex", () => {
  it("keeps frames in the order of showing, whatever the order of decoding", () => {
    const index = new FrameIndex([1, 10])
    for (const [time, key] of [
      [0, true],
      [4, false],
      [2, false],
      [1, false],
      [3, false],
      [8, true]
    ] as const)
      index.add(time, key)
    expect(Array.from({ length: 6 }, (_, frame) => index.timestamp(frame))).toStrictEqual([0, 1, 2, 3, 4, 8])
    expect(Array.from({ length: 6 }, (_, frame) => index.isKey(frame))).toStrictEqual([true, false, false, false, false, true])
    expect(index.wasReordered).toBe(true)
    expect(index.hasDuplicates).toBe(false)
    expect(index.atSeconds(5)).toBe(0.8)
    expect([0, 0.1, 0.11, 0.8, 0.9].map((seconds) => index.firstAt(seconds))).toStrictEqual([0, 1, 2, 5, 6])
    expect([0, 4, 5].map((frame) => index.keyBefore(frame))).toStrictEqual([0, 0, 5])
  })
  it("notices two frames at one time", () => {
    const index = new FrameIndex([1, 10])
    for (const time of [0, 2, 1, 2]) index.add(time, false)
    expect(index.hasDuplicates).toBe(true)
  })
  it.prop(
    "sorts anything",
    [Schema.Array(int(0, 5000))],
    ([times]) => {
      const index = new FrameIndex([1, 1])
      times.forEach((time) => index.add(time, time % 7 === 0))
      const sorted = [...times].sort((a, b) => a - b)
      expect(Array.from({ length: index.count }, (_, frame) => index.timestamp(frame))).toStrictEqual(sorted)
      expect(Array.from({ length: index.count }, (_, frame) => index.isKey(frame))).toStrictEqual(sorted.map((time) => time % 7 === 0))
      expect(index.hasDuplicates).toBe(new Set(times).size !== times.length)
      return true
    },
    { arbitrary: { runs: 300 } }
  )
})

describe("decodeRuns", () => {
  const frames720p = 1280 * 720
  it("one run for picks that stand close", () => {
    const picks = Array.from({ length: 40 }, (_, at) => at * 15)
    expect(decodeRuns(picks, steady(600, 60), frames720p, true)).toStrictEqual([{ frames: picks, seeks: false }])
  })
  it("seeks to picks that stand far apart", () => {
    expect(decodeRuns([0, 5, 1000, 5000], steady(6000, 250), frames720p, true)).toStrictEqual([
      { frames: [0, 5], seeks: false },
      { frames: [1000], seeks: true },
      { frames: [5000], seeks: true }
    ])
  })
  it("seeks to a lone pick at the end", () => {
    expect(decodeRuns([5999], steady(6000, 250), frames720p, true)).toStrictEqual([{ frames: [5999], seeks: true }])
  })
  it("does not seek where it may not, or where no key frame stands between", () => {
    expect(decodeRuns([0, 5999], steady(6000, 250), frames720p, false)).toStrictEqual([{ frames: [0, 5999], seeks: false }])
    expect(decodeRuns([0, 5999], steady(6000, 9000), frames720p, true)).toStrictEqual([{ frames: [0, 5999], seeks: false }])
  })
  it("splits very many stretches, so that the command line holds them", () => {
    const picks = Array.from({ length: 2500 }, (_, at) => at * 2)
    const runs = decodeRuns(picks, steady(6000, 250), frames720p, true)
    expect(runs.map(({ frames }) => frames.length)).toStrictEqual([800, 800, 800, 100])
    expect(runs.map(({ seeks }) => seeks)).toStrictEqual([false, true, true, true])
    for (const { frames } of runs) expect(selectFilter("n", frames).length).toBeLessThan(32_000)
  })
  it("every frame is one stretch", () => {
    const picks = Array.from({ length: 5000 }, (_, at) => at)
    expect(decodeRuns(picks, steady(5000, 250), frames720p, true).length).toBe(1)
  })
  it.prop(
    "covers the picks in order, whatever they are",
    { gaps: Schema.Array(int(1, 400)), gop: int(1, 500), seekable: Schema.Boolean, pixels: int(1, 1 << 24) },
    ({ gaps, gop, pixels, seekable }) => {
      let frame = -1
      const picks = gaps.map((gap) => (frame += gap))
      const runs = decodeRuns(picks, steady(frame + 1, gop), pixels, seekable)
      expect(runs.flatMap(({ frames }) => frames)).toStrictEqual(picks)
      expect(runs.every(({ frames }) => frames.length > 0)).toBe(true)
      expect(seekable || runs.every(({ seeks }) => !seeks)).toBe(true)
      return true
    },
    { arbitrary: { runs: 500 } }
  )
})

describe("selectFilter", () => {
  /** What ffmpeg makes of the expression for one `n`: calls of the few functions in it, numbers, and the variable. */
  const chosen = (filter: string, n: number): boolean => {
    const expression = filter.slice("select='".length, -1).replaceAll("\\,", ",")
    let at = 0
    const value = (): number => {
      const [word] = /^\w+/.exec(expression.slice(at)) ?? [""]
      at += word.length
      if (expression[at] !== "(") return word === "n" ? n : Number(word)
      const args: Array<number> = []
      do {
        at++
        args.push(value())
      } while (expression[at] === ",")
      at++
      const [a, b, c] = args
      if (word === "if") return a === 0 ? c : b
      return word === "lt" ? Number(a < b) : word === "eq" ? Number(a === b) : Number(a >= b && a <= c)
    }
    return value() !== 0
  }
  it("of one, of a stretch, of several", () => {
    expect(selectFilter("n", [7])).toBe("select='eq(n\\,7)'")
    expect(selectFilter("n", [7, 8, 9])).toBe("select='between(n\\,7\\,9)'")
    expect(selectFilter("pts", [1, 5])).toBe("select='if(lt(pts\\,5)\\,eq(pts\\,1)\\,eq(pts\\,5))'")
  })
  it.prop(
    "keeps those and no others",
    [Schema.Array(int(1, 9)).check(Schema.isMinLength(1))],
    ([gaps]) => {
      let value = -1
      const values = gaps.map((gap) => (value += gap))
      const filter = selectFilter("n", values)
      const kept = Array.from({ length: value + 3 }, (_, n) => n).filter((n) => chosen(filter, n))
      expect(kept).toStrictEqual(values)
      return true
    },
    { arbitrary: { runs: 200 } }
  )
})
