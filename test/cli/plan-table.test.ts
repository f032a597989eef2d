import { describe, expect, it } from "vitest"
import { planTable } from "../../src/cli/plan-table.ts"
import type { PlanSummary } from "../../src/session/plan-summary.ts"

const sound = { modality: "audio", source: "clip.mp4", form: "rows", rows: 50, frames: [{ rows: 50, atSeconds: 0 }], settings: {}, tracks: [] } as const
const plan: PlanSummary = {
  rows: { total: 1470, text: 20, video: 1400, audio: 50 },
  positions: { axes: 3, largest: 470, generateAt: 471 },
  cache: { cells: 2048, bytes: 12_345_678 },
  context: 1024,
  maxTokens: 128,
  fits: false,
  advice: "fps 0.5 fits",
  media: [
    {
      modality: "video",
      source: "clip.mp4",
      form: "rows",
      rows: 1400,
      frames: [
        { rows: 700, atSeconds: 0, grid: [20, 35] },
        { rows: 700, atSeconds: 1.5, grid: [20, 35] }
      ],
      settings: { fps: 2 },
      tracks: [sound]
    }
  ]
}

describe("a plan as text", () => {
  it("names every figure", () => {
    expect(planTable(plan)).toBe(
      [
        "media       modality  pieces  grid     time         rows  settings",
        "clip.mp4    video          2  20 x 35  0 to 1.5 s  1,400  fps 2",
        "  clip.mp4  audio          1                          50",
        "",
        "rows       1,470 (text 20, video 1,400, audio 50)",
        "positions  3 axes, largest 470, the answer starts at 471",
        "answer     up to 128 tokens",
        "cache      2,048 cells, 12.3 MB",
        "context    1,024 rows: does not fit (fps 0.5 fits)"
      ].join("\n")
    )
  })
  it("has no table where there is no medium", () => {
    expect(planTable({ ...plan, media: [], fits: true }).startsWith("rows ")).toBe(true)
  })
})
