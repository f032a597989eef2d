import { it } from "@effect/vitest"
import { Schema } from "effect"
import { describe, expect } from "vitest"
import { patchCoordinates, planeRotary, positionInputs, windowInputs } from "../../../src/compile/blocks/rotary-vision-inputs.ts"
import { HIDDEN } from "../../../src/core/attention-inputs.ts"
import { PatchGrid } from "../../../src/core/token-grid.ts"
import { qwenVlTable } from "../../golden/layouts/qwen-vl-table.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Grid = Schema.Struct({ down: int(1, 9), across: int(1, 9), merge: int(1, 3), steps: int(1, 3), windowBlocks: int(1, 4) })

describe("what the vision encoder takes beside patches", () => {
  it("windows hold the rows that get_window_index puts together", () => {
    for (const {
      grid: [, h, w],
      lengths,
      order,
      side
    } of qwenVlTable.windows) {
      const { back, count, index } = windowInputs(PatchGrid({ t: 1, h, w }), patchCoordinates(PatchGrid({ t: 1, h, w }), 2), side * 2, 1)
      const size = (side * 2) ** 2
      const ours = Array.from({ length: count }, (_, window) => {
        const slots = Array.from(back, (slot, row) => [slot, row] as const)
          .filter(([slot]) => Math.floor(slot / size) === window)
          .sort(([a], [b]) => a - b)
        expect(slots.map(([slot]) => index[slot])).toEqual(slots.map(([, row]) => row))
        return slots.map(([, row]) => row)
      })
      let from = 0
      // The reference counts merge blocks; four patches of a block stand together in both.
      const theirs = lengths.map((length) => order.slice(from, (from += length)).flatMap((block) => [0, 1, 2, 3].map((i) => block * 4 + i)))
      expect(ours).toEqual(theirs)
    }
  })

  it.prop(
    "every row stands in one slot of a window of its own step, and sees that window's rows only",
    [Grid],
    ([{ across, down, merge, steps, windowBlocks }]) => {
      const grid = PatchGrid({ t: 1, h: down * merge, w: across * merge })
      const side = windowBlocks * merge
      const { back, bias, count, index } = windowInputs(grid, patchCoordinates(grid, merge), side, steps)
      const [rows, size] = [steps * grid.h * grid.w, side ** 2]
      expect(back.length).toBe(rows)
      expect(new Set(back).size).toBe(rows)
      const taken = new Set(back)
      back.forEach((slot, row) => expect(index[slot]).toBe(row))
      for (let window = 0; window < count; window++) {
        const visible = Array.from({ length: size }, (_, column) => bias[window * size * size + column] === 0)
        expect(visible).toContain(true)
        visible.forEach((seen, column) => expect(seen).toBe(taken.has(window * size + column)))
        expect(new Set(visible.flatMap((seen, column) => (seen ? [Math.floor(index[window * size + column] / (grid.h * grid.w))] : []))).size).toBe(1)
      }
      expect(bias.every((value) => value === 0 || value === HIDDEN)).toBe(true)
    },
    { arbitrary: { runs: 200 } }
  )

  it("learned positions are weighed as fast_pos_embed_interpolate weighs them", () => {
    for (const {
      grid: [, h, w],
      side,
      weight: wanted
    } of qwenVlTable.learned) {
      const grid = PatchGrid({ t: 1, h, w })
      const { index, weight } = positionInputs(grid, patchCoordinates(grid, 2), side, 1)
      const rows = h * w
      expect(wanted.length).toBe(rows)
      wanted.forEach((places, row) => {
        const ours = new Map<number, number>()
        for (let corner = 0; corner < 4; corner++)
          ours.set(index[corner * rows + row], (ours.get(index[corner * rows + row]) ?? 0) + weight[corner * rows + row])
        for (const [place, value] of places) expect(ours.get(place)).toBeCloseTo(value, 5)
        expect([...ours.values()].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
      })
    }
  })

  it.prop(
    "steps are alike: attention and positions begin anew in each",
    [Grid],
    ([{ across, down, merge, steps }]) => {
      const grid = PatchGrid({ t: 1, h: down * merge, w: across * merge })
      const coordinates = patchCoordinates(grid, merge)
      const [one, all] = [planeRotary(coordinates, 8, 1), planeRotary(coordinates, 8, steps)]
      for (let step = 0; step < steps; step++) expect(all.cos.subarray(step * one.cos.length, (step + 1) * one.cos.length)).toEqual(one.cos)
      const { index } = positionInputs(grid, coordinates, 6, steps)
      expect(index.every((place) => place >= 0 && place < 36)).toBe(true)
      expect(index.slice(0, grid.h * grid.w)).toEqual(positionInputs(grid, coordinates, 6, 1).index.slice(0, grid.h * grid.w))
    },
    { arbitrary: { runs: 200 } }
  )
})
