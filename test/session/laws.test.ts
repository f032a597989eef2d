import { describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { expect } from "vitest"
import { attentionInputs, HIDDEN, sees } from "../../src/core/attention-inputs.ts"
import { afterAnswer, type CellIdentity } from "../../src/core/cell-identity.ts"
import { concat, type Positions } from "../../src/core/positions.ts"
import { rowTable } from "../../src/core/prompt-layout.ts"
import { tmrope } from "../../src/models/qwen2_5_omni/positions.ts"
import { prefillChunks, remaining } from "../../src/session/prefill-chunks.ts"
import { reusablePrefix } from "../../src/session/reusable-prefix.ts"
import { layoutOf, RandomPrompt } from "./random-layout.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const assigner = tmrope({ positionsPerSecond: 25, positionsPerWindow: 50 })
const rotary = { id: "table", frequencies: Float32Array.of(1, 0.1), axisOf: Uint8Array.of(0, 1), scale: 1 }

const identity = (prompt: typeof RandomPrompt.Type): CellIdentity => {
  const { layout, media } = layoutOf(prompt)
  return {
    context: { adapter: "none", rotaries: [rotary.id], memory: [] },
    table: rowTable(layout),
    keys: media.map(({ key }) => key),
    positions: assigner.assign(layout, 0)
  }
}

const same = (a: Positions, b: Positions) => {
  expect(a.ids).toEqual(b.ids)
  expect([a.next, a.generateAt]).toEqual([b.next, b.generateAt])
}

describe("laws of layouts, positions and cells", () => {
  it.prop(
    "1: positions of a whole are those of its parts, cut between any two segments",
    [RandomPrompt],
    ([prompt]) => {
      const { layout } = layoutOf(prompt)
      const whole = assigner.assign(layout, 0)
      for (let cut = 0; cut <= layout.segments.length; cut++) {
        const first = assigner.assign({ segments: layout.segments.slice(0, cut) }, 0)
        same(concat(first, assigner.assign({ segments: layout.segments.slice(cut) }, first.next)), whole)
      }
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "3: prefill chunks cover a prompt once, within their bounds, and never cut rows that see each other both ways",
    [RandomPrompt, int(1, 40), int(5_000, 2_000_000)],
    ([prompt, maxRows, maxScoreBytes]) => {
      const table = rowTable(layoutOf(prompt).layout)
      const made = prefillChunks(table, { maxRows, maxScoreBytes, queryHeads: 4, cellStep: 16 })
      if (Result.isFailure(made)) return expect(made.failure.needed).toBeGreaterThan(made.failure.allowed)
      let at = 0
      for (const { cells, from, to } of made.success) {
        expect(from).toBe(at)
        expect(to).toBeGreaterThan(from)
        expect(cells).toBeGreaterThanOrEqual(to)
        expect(4 * (to - from) * cells * 4).toBeLessThanOrEqual(maxScoreBytes)
        for (let row = from; row < to; row++)
          for (let cell = to; cell < table.rows; cell++) if (sees(table, row, cell)) expect.fail(`row ${row} sees cell ${cell}, past its chunk's end ${to}`)
        at = to
      }
      expect(at).toBe(table.rows)
      const kept = Math.floor(table.rows / 2)
      expect(remaining(made.success, kept).reduce((sum, { from, to }) => sum + to - from, 0)).toBe(table.rows - kept)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "masks hide exactly what a row may not see",
    [RandomPrompt, int(1, 20)],
    ([prompt, window]) => {
      const { layout } = layoutOf(prompt)
      const table = rowTable(layout)
      // Beyond that the table of all pairs takes long; every row is still looked at.
      const stride = Math.max(1, Math.floor(table.rows / 300))
      const cells = table.rows + 7
      const { kinds } = attentionInputs(
        [
          { name: "full", rotary: () => rotary },
          { name: "sliding", rotary: () => rotary, window }
        ],
        table,
        assigner.assign(layout, 0),
        undefined,
        0,
        table.rows,
        cells,
        1000
      )
      for (const [kind, limit] of [
        [kinds[0], undefined],
        [kinds[1], window]
      ] as const) {
        for (let row = 0; row < table.rows; row += stride)
          for (let cell = 0; cell < cells; cell++) {
            if (kind.bias[row * cells + cell] !== (sees(table, row, cell, limit) ? 0 : HIDDEN)) expect.fail(`row ${row}, cell ${cell}`)
          }
      }
    },
    { arbitrary: { runs: 200 } }
  )

  it.prop(
    "4: cells are kept for the longest equal prefix, never the last row, never a part of what sees both ways",
    [RandomPrompt, RandomPrompt, int(1, 8)],
    ([shared, more, length]) => {
      const held = afterAnswer(
        identity(shared),
        Int32Array.from({ length }, (_, i) => 700 + i)
      )
      const wanted = identity([...shared, ...more])
      const kept = reusablePrefix(held, held.table.rows, wanted)
      expect(kept).toBeLessThan(wanted.table.rows)
      for (let row = 0; row < kept; row++) {
        expect(held.table.item[row]).toBe(wanted.table.item[row])
        expect(held.positions.ids[row]).toBe(wanted.positions.ids[row])
      }
      expect(kept === 0 || wanted.table.block[kept] === -1 || wanted.table.block[kept] === kept).toBe(true)
      expect(reusablePrefix(held, 0, wanted)).toBe(0)
      expect(reusablePrefix({ ...held, context: { ...held.context, adapter: "other" } }, held.table.rows, wanted)).toBe(0)
      // The same prompt keeps all but its last row, or what that row sees both ways.
      const again = identity(shared)
      const own = reusablePrefix(again, again.table.rows, again)
      const last = again.table.rows - 1
      expect(own).toBe(again.table.block[last] === -1 ? last : again.table.block[last])
    },
    { arbitrary: { runs: 1000 } }
  )
})
