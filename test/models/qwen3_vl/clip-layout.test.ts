import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { gridPositions } from "../../../src/core/grid-positions.ts"
import type { MediaPlan } from "../../../src/core/media-plan.ts"
import { rowTable } from "../../../src/core/prompt-layout.ts"
import { TokenGrid } from "../../../src/core/token-grid.ts"
import { oneDecimal, placeClip, timestamps } from "../../../src/models/qwen3_vl/timestamps.ts"
import { LayoutBuilder } from "../../../src/session/layout-builder.ts"
import { mediaSegment } from "../../../src/session/media-segment.ts"
import { axesOf, expandRuns, qwenVlTable } from "../../golden/layouts/qwen-vl-table.ts"

const markers = { start: 1, end: 2 }
const plan = (modality: string, [t, h, w]: readonly [number, number, number]): MediaPlan => {
  const grid = TokenGrid({ t: 1, h: h / 2, w: w / 2 })
  const rows = grid.h * grid.w
  return {
    key: "",
    producer: "",
    source: "",
    part: 0,
    form: "rows",
    width: 1,
    levels: 0,
    settings: {},
    modality,
    rows: t * rows,
    secondsPerStep: 0.7,
    pieces: Array.from({ length: t }, (_, i) => ({ rows, grid, atSeconds: i }))
  }
}

describe("clips in Qwen3-VL's prompts", () => {
  it("times in words are the reference's", () => {
    for (const { fps, indices, merge, text } of qwenVlTable.timestamps) expect(timestamps(indices, fps, merge, text.length).map(oneDecimal)).toEqual(text)
  })

  it("a time in the middle of two goes to the even digit", () => {
    expect([0.25, 0.75, 1.25, 0.35, 2, 2.5, 123.449].map(oneDecimal)).toEqual(["0.2", "0.8", "1.2", "0.3", "2.0", "2.5", "123.4"])
  })

  it("each step stands on a grid of its own: positions as get_rope_index gives them", async () => {
    const cases = qwenVlTable.positions.filter(({ model }) => model === "qwen3_vl")
    expect(cases.length).toBeGreaterThan(50)
    for (const { generateAt, next, parts, position_ids } of cases) {
      const layout = new LayoutBuilder()
      parts.forEach((part, index) => {
        if (part.kind === "text") layout.control(...Array.from({ length: part.count }, () => 9))
        else if (part.kind === "image")
          layout
            .control(markers.start)
            .segment(mediaSegment(plan("image", part.grid), index))
            .control(markers.end)
        else placeClip(layout, { plan: plan("video", part.grid), index }, markers)
      })
      // The table counts five tokens a time.
      const positions = gridPositions().assign(await Effect.runPromise(layout.build(() => Effect.succeed(new Int32Array(5)))), 0)
      expect(axesOf(positions)).toEqual(expandRuns(position_ids))
      expect([positions.next, positions.generateAt]).toEqual([next, generateAt])
    }
  })

  it("rows of a clip are laid out in order, each once, a pair of markers around each step", async () => {
    const layout = new LayoutBuilder()
    placeClip(layout, { plan: plan("video", [3, 4, 6]), index: 0 }, markers)
    const texts: Array<string> = []
    const table = rowTable(
      await Effect.runPromise(
        layout.build((text) =>
          Effect.sync(() => {
            texts.push(text)
            return Int32Array.of(7)
          })
        )
      )
    )
    expect(texts).toEqual(["<0.0 seconds>", "<1.0 seconds>", "<2.0 seconds>"])
    expect(Array.from(table.item).filter((_, row) => table.media[row] === 0)).toEqual(Array.from({ length: 18 }, (_, i) => i))
    expect(Array.from(table.item).filter((_, row) => table.media[row] === -1)).toEqual([7, 1, 2, 7, 1, 2, 7, 1, 2])
  })
})
