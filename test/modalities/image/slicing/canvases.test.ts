import { readFileSync } from "node:fs"
import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import { hdCrops } from "../../../../modalities/image/slicing/hd-crops.ts"
import { tileArrangements, tiledCanvas } from "../../../../modalities/image/slicing/tiled-canvas.ts"

const facts = (name: string) =>
  Schema.decodeUnknownSync(Schema.Array(Schema.Array(Schema.Int)))(JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), "utf8")))
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Size = Schema.Struct({ width: int(1, 3000), height: int(1, 3000) })

describe("tiled canvas", () => {
  it("gives the published arrangements and sizes", () => {
    const rows = facts("tiled-canvas.json")
    expect(rows.length).toBe(300)
    for (const [width, height, tile, most, ...wanted] of rows) {
      const { columns, rows: down, size } = tiledCanvas({ width, height }, tile, most)
      expect([down, columns, size.width, size.height], `${width} x ${height}, ${most} tiles of ${tile}`).toEqual(wanted)
    }
  })

  it("numbers arrangements as the learned tables do: rows first", () => {
    expect(tileArrangements(4).map(({ columns, rows }) => [rows, columns])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 1],
      [2, 2],
      [3, 1],
      [4, 1]
    ])
  })

  it.prop(
    "tiles cover the canvas row by row, few enough, and the picture lies on it",
    [Size, int(14, 600), int(1, 12)],
    ([size, tile, most]) => {
      const { columns, rows, size: fitted, tiles } = tiledCanvas(size, tile, most)
      expect(tiles).toEqual(
        Array.from({ length: rows * columns }, (_, i) => ({ left: (i % columns) * tile, top: Math.floor(i / columns) * tile, width: tile, height: tile }))
      )
      expect(rows * columns).toBeLessThanOrEqual(most)
      expect(tileArrangements(most)).toContainEqual({ rows, columns })
      expect(fitted.width >= 1 && fitted.height >= 1 && fitted.width <= columns * tile && fitted.height <= rows * tile).toBe(true)
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("HD crops", () => {
  it("gives the published grids, sizes and hidden patches, and what the reference refuses is too flat", () => {
    const rows = facts("hd-crops.json")
    expect(rows.length).toBe(400)
    for (const [width, height, crop, patch, maxCrops, ...wanted] of rows) {
      const cut = hdCrops({ width, height }, { crop, patch, maxCrops })
      const what = `${width} x ${height}, ${maxCrops} crops of ${crop}`
      const flat = Math.min(cut.size.width, cut.size.height) < 10
      expect(flat, what).toBe(wanted.length === 0)
      if (!flat) expect([cut.rows, cut.columns, cut.size.width, cut.size.height, cut.patchRows, cut.patchColumns], what).toEqual(wanted)
    }
  })

  it.prop(
    "one side fills the canvas, what is hidden is whole patches behind the picture, and crops are few enough",
    [Size, Schema.Literals([14, 2]), int(1, 40)],
    ([size, patch, maxCrops]) => {
      const crop = patch * 32
      const cut = hdCrops(size, { crop, patch, maxCrops })
      const [width, height] = [cut.columns * crop, cut.rows * crop]
      expect(cut.rows * cut.columns).toBeLessThanOrEqual(maxCrops)
      expect(cut.size.width === width || cut.size.height === height).toBe(true)
      expect(cut.size.width <= width && cut.size.height <= height).toBe(true)
      for (const [patches, side, all] of [
        [cut.patchColumns, cut.size.width, width],
        [cut.patchRows, cut.size.height, height]
      ]) {
        expect(patches * patch >= side && patches * patch - side < patch && patches <= all / patch).toBe(true)
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})
