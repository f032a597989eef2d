import { describe, expect, it } from "vitest"
import { gridPositions, positionAtSeconds } from "../../src/core/grid-positions.ts"
import type { Segment } from "../../src/core/segment.ts"
import { TokenGrid } from "../../src/core/token-grid.ts"
import { axesOf, expandRuns, qwenVlTable } from "../golden/layouts/qwen-vl-table.ts"

const text = (count: number): Segment => ({ _tag: "Text", tokens: new Int32Array(count) })

describe("positions of text and grids on three axes", () => {
  // Qwen2-VL counts steps; Qwen2.5-VL stands at seconds, two positions a second.
  for (const [model, positionsPerSecond] of [
    ["qwen2_vl", undefined],
    ["qwen2_5_vl", 2]
  ] as const) {
    const cases = qwenVlTable.positions.filter((one) => one.model === model)
    it(`${model}: as get_rope_index gives them, ${cases.length} prompts`, () => {
      const assigner = gridPositions(positionsPerSecond)
      for (const { generateAt, next, parts, position_ids } of cases) {
        const segments = parts.flatMap((part, media): ReadonlyArray<Segment> => {
          if (part.kind === "text") return [text(part.count)]
          const grid = TokenGrid({ t: part.grid[0], h: part.grid[1] / 2, w: part.grid[2] / 2 })
          const count = grid.t * grid.h * grid.w
          return [
            text(1),
            {
              _tag: "Media",
              attention: "causal",
              rows: { _tag: "Rows", media, from: 0, count },
              grid,
              ...(part.secondsPerGrid === undefined ? {} : { secondsPerStep: part.secondsPerGrid })
            },
            text(1)
          ]
        })
        const positions = assigner.assign({ segments }, 0)
        expect(axesOf(positions)).toEqual(expandRuns(position_ids))
        expect([positions.next, positions.generateAt]).toEqual([next, generateAt])
      }
    })
  }

  it("time is multiplied in single precision and truncated", () => {
    // 0.83 s a step: no step stands still, none is rounded up.
    expect(Array.from({ length: 6 }, (_, step) => positionAtSeconds(step, 5 / 6, 2))).toEqual([0, 1, 3, 5, 6, 8])
    expect(positionAtSeconds(3, 1 / 3, 1)).toBe(Math.trunc(Math.fround(3 * Math.fround(1 / 3))))
  })
})
