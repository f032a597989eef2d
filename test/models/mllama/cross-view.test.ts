import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import { crossInputs } from "../../../src/core/cross-attention.ts"
import type { MediaPlan } from "../../../src/core/media-plan.ts"
import type { Segment } from "../../../src/core/segment.ts"
import { crossView } from "../../../src/models/mllama/cross-view.ts"
import { slotRows } from "../../../src/models/mllama/slot-rows.ts"
import { paddedRows } from "../../../src/models/mllama/vision.ts"

const SLOTS = 4
const TILE_ROWS = 3
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
/** Tokens of text, or a picture of so many tiles. */
const Piece = Schema.Union([Schema.Struct({ tokens: int(1, 4) }), Schema.Struct({ tiles: int(1, SLOTS) })])

const planOf = (tiles: number, part: number): MediaPlan => ({
  key: `${part}`,
  producer: "test",
  modality: "image",
  source: "picture",
  part,
  form: "memory",
  rows: SLOTS * TILE_ROWS,
  width: 8,
  levels: 0,
  settings: {},
  pieces: Array.from({ length: SLOTS }, (_, i) => (i < tiles ? { rows: TILE_ROWS, tile: [0, i] } : { rows: TILE_ROWS, empty: true }))
})

/** The published mask, row by row, as `get_cross_attention_token_mask` and `convert_sparse_cross_attention_mask_to_dense` make it: which slots of which picture a row sees. */
const published = (pictureAt: ReadonlyArray<number>, tiles: ReadonlyArray<number>, rows: number): ReadonlyArray<ReadonlyArray<number>> => {
  const stretches = pictureAt.map((at, i) => [at, pictureAt[i + 1] ?? rows])
  let end = rows
  for (const stretch of stretches.toReversed()) {
    if (stretch[0] === stretch[1] - 1) stretch[1] = end
    end = stretch[1]
  }
  return Array.from({ length: rows }, (_, row) =>
    pictureAt.flatMap((__, i) =>
      Array.from({ length: SLOTS }, (___, slot) => (stretches[i][0] <= row && row < stretches[i][1] && slot < tiles[i] ? 1 : 0)).flatMap((one) =>
        Array.from({ length: TILE_ROWS }, () => one)
      )
    )
  )
}

describe("what text sees of pictures", () => {
  it.prop(
    "is what the published mask says: the picture last before a row and those that adjoin it, everything before any picture",
    [Schema.Array(Piece).check(Schema.isBetweenLength(1, 9))],
    ([pieces]) => {
      const segments: Array<Segment> = []
      const plans: Array<MediaPlan> = []
      const pictureAt: Array<number> = []
      let rows = 0
      for (const piece of pieces) {
        if ("tokens" in piece) segments.push({ _tag: "Text", tokens: new Int32Array(piece.tokens) })
        else {
          segments.push({ _tag: "Memory", media: plans.length, tokens: Int32Array.of(7) })
          plans.push(planOf(piece.tiles, plans.length))
          pictureAt.push(rows)
        }
        rows += "tokens" in piece ? piece.tokens : 1
      }
      const view = crossView({ segments }, plans)
      if (plans.length === 0) {
        expect(view).toBeUndefined()
        return
      }
      const tiles = pieces.flatMap((piece) => ("tiles" in piece ? [piece.tiles] : []))
      const wanted = published(pictureAt, tiles, rows)
      expect(view?.memoryRows).toBe(plans.length * SLOTS * TILE_ROWS)
      // One row more: a generated token sees what the prompt's last row sees.
      const { bias, gate } = crossInputs(view ?? { memoryRows: 0, spans: [] }, 0, rows + 1)
      for (let row = 0; row <= rows; row++) {
        const own = Array.from(bias.subarray(row * wanted[0].length, (row + 1) * wanted[0].length), (value) => (value === 0 ? 1 : 0))
        const seen = wanted[Math.min(row, rows - 1)]
        const nothing = seen.every((one) => one === 0)
        expect(own, `row ${row}`).toEqual(nothing ? seen.map(() => 1) : seen)
        expect(gate[row]).toBe(nothing ? 0 : 1)
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("rows of a picture's slots", () => {
  it("are padded to a multiple of 8, which a square and one never is", () => {
    expect([10, 26, 1025, 1601].map(paddedRows)).toEqual([16, 32, 1032, 1608])
    expect(Array.from({ length: 100 }, (_, side) => paddedRows(side ** 2 + 1) > side ** 2 + 1).every(Boolean)).toBe(true)
  })

  it.prop("come with those that stand for something first, and are found again", [int(1, 6), int(1, 6), int(1, 6)], ([slots, filled, side]) => {
    const [tiles, rows] = [Math.min(filled, slots), side ** 2 + 1]
    const { order, real, restore } = slotRows(slots, tiles, rows)
    expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: slots * paddedRows(rows) }, (_, row) => row))
    expect(real).toBe(tiles * rows)
    expect(order.slice(0, real)).toEqual(
      Array.from({ length: tiles }, (_, tile) => Array.from({ length: rows }, (__, row) => tile * paddedRows(rows) + row)).flat()
    )
    expect(restore.map((at) => order[at])).toEqual(
      Array.from({ length: slots }, (_, slot) => Array.from({ length: rows }, (__, row) => slot * paddedRows(rows) + row)).flat()
    )
  })
})
