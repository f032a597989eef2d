import { readFileSync } from "node:fs"
import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import { anyResolution, bestResolution } from "../../../../modalities/image/slicing/any-resolution.ts"
import { floorDivided, intOfRounded, shrunk, unpadded } from "../../../../modalities/image/slicing/unpadded-grid.ts"
import type { PixelSize } from "../../../../modalities/image/rgb-image.ts"

const Pair = Schema.Tuple([Schema.Int, Schema.Int])
const Row = Schema.Tuple([
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Pair,
  Pair,
  Pair,
  Schema.Tuple([Schema.Int, Schema.Int, Schema.Int, Schema.Int]),
  Pair,
  Schema.Int
])
const rows = Schema.decodeUnknownSync(Schema.Array(Row))(JSON.parse(readFileSync(new URL("./any-resolution.json", import.meta.url), "utf8")))
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const canvases = (cells: number, tile: number): readonly [PixelSize, ...Array<PixelSize>] => {
  const [first, ...rest] = Array.from({ length: cells ** 2 }, (_, i) => ({ height: (Math.floor(i / cells) + 1) * tile, width: ((i % cells) + 1) * tile }))
  return [first, ...rest]
}

const pair = ({ height, width }: PixelSize): readonly [number, number] => [width, height]

describe("any resolution", () => {
  it("gives the published canvases, paddings, grids and numbers of rows", () => {
    expect(rows.length).toBe(400)
    for (const [width, height, cells, tile, across, most, best, resized, padding, kept, packed, count] of rows) {
      const what = `${width} x ${height}`
      const canvas = bestResolution({ width, height }, canvases(cells, tile))
      expect(pair(canvas), what).toEqual(best)
      const cut = anyResolution({ width, height }, canvas, tile)
      expect([pair(cut.resized), [-cut.canvas.left, -cut.canvas.top].map((one) => one + 0)], what).toEqual([resized, padding])
      const grid = unpadded({ width, height }, { width: cut.columns * across, height: cut.rows * across })
      const [left, top, w, h] = kept
      expect(pair(grid), what).toEqual([w, h])
      if (w > 0 && h > 0) expect([grid.left, grid.top], what).toEqual([left, top])
      const after = shrunk(grid, most * across ** 2)
      expect(pair(after), what).toEqual(packed)
      expect(across ** 2 + after.height * (after.width + 1), what).toBe(count)
    }
  })

  it.prop(
    "tiles fill the canvas row by row, no more of them than the largest canvas has; the picture lies inside, in the middle, and touches two edges",
    [Schema.Struct({ width: int(1, 5000), height: int(1, 5000) }), int(1, 6), int(14, 400)],
    ([size, cells, tile]) => {
      const canvas = bestResolution(size, canvases(cells, tile))
      const { canvas: box, columns, resized, rows: down, tiles } = anyResolution(size, canvas, tile)
      expect(tiles.length).toBe(down * columns)
      expect(tiles.length).toBeLessThanOrEqual(cells ** 2)
      expect(tiles).toEqual(
        Array.from({ length: down * columns }, (_, i) => ({ left: (i % columns) * tile, top: Math.floor(i / columns) * tile, width: tile, height: tile }))
      )
      expect([columns * tile, down * tile]).toEqual([canvas.width, canvas.height])
      expect(resized.width === canvas.width || resized.height === canvas.height).toBe(true)
      expect(Math.min(resized.width, resized.height)).toBeGreaterThan(0)
      for (const [room, at] of [
        [canvas.width - resized.width, -box.left],
        [canvas.height - resized.height, -box.top]
      ])
        expect([0, 1]).toContain(room - 2 * at)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "what is kept of a grid is the middle of it, and a shrink keeps within its bound",
    [Schema.Struct({ width: int(1, 5000), height: int(1, 5000) }), int(1, 6), int(1, 6), int(1, 40), int(1, 9)],
    ([size, down, columns, across, most]) => {
      const whole = { width: columns * across, height: down * across }
      const kept = unpadded(size, whole)
      expect([kept.left * 2 + kept.width, kept.top * 2 + kept.height]).toEqual([whole.width, whole.height])
      expect(Math.min(kept.left, kept.top)).toBe(0)
      const after = shrunk(kept, most * across ** 2)
      expect(after.width * after.height).toBeLessThanOrEqual(1.21 * most * across ** 2 + 1e-6)
      expect(after.width <= kept.width && after.height <= kept.height).toBe(true)
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("Python's numbers", () => {
  // Python 3.11: int(round(x, 7)), a // b.
  it("rounds at seven digits before it cuts", () => {
    expect([26.99999994, 26.99999995, 26.9999999501, 26.99999996, 27, 27.9, 0, 0.4].map(intOfRounded)).toEqual([26, 26, 27, 27, 27, 27, 0, 0])
  })

  it("divides floats exactly", () => {
    expect([floorDivided(1, 0.1), floorDivided(6, 0.1), floorDivided(135, 135 / 80), floorDivided(7, 2)]).toEqual([9, 59, 80, 3])
  })
})
