import { readFileSync } from "node:fs"
import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import type { PixelBox } from "../../../../modalities/image/picture-recipe.ts"
import { adaptiveGrid } from "../../../../modalities/image/slicing/adaptive-grid.ts"
import { naturalLog } from "../../../../modalities/image/slicing/natural-log.ts"
import { panAndScan } from "../../../../modalities/image/slicing/pan-and-scan.ts"
import { longestSide, tileGrid } from "../../../../modalities/image/slicing/tile-grid.ts"

const facts = (name: string): unknown => JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), "utf8"))
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Size = Schema.Struct({ width: int(1, 3000), height: int(1, 3000) })

/** That boxes fill a picture: none outside, none over another, nothing left. Their order is row by row. */
const fills = (boxes: ReadonlyArray<PixelBox>, { height, width }: { readonly width: number; readonly height: number }) => {
  expect(boxes.reduce((sum, box) => sum + box.width * box.height, 0)).toBe(width * height)
  const good = boxes.every(
    (box, i) =>
      box.left >= 0 &&
      box.top >= 0 &&
      box.left + box.width <= width &&
      box.top + box.height <= height &&
      box.width > 0 &&
      box.height > 0 &&
      boxes
        .slice(0, i)
        .every(
          (other) =>
            (box.left >= other.left + other.width || box.top >= other.top + other.height) &&
            (box.top > other.top || (box.top === other.top && box.left > other.left))
        )
  )
  expect(good, JSON.stringify(boxes)).toBe(true)
}

describe("pan and scan", () => {
  it("gives the published crops", () => {
    const Row = Schema.TupleWithRest(Schema.Tuple([Schema.Int, Schema.Int, Schema.Finite, Schema.Int, Schema.Finite]), [
      Schema.Tuple([Schema.Int, Schema.Int, Schema.Int, Schema.Int])
    ])
    const rows = Schema.decodeUnknownSync(Schema.Array(Row))(facts("pan-and-scan.json"))
    expect(rows.length).toBe(300)
    for (const [width, height, minCropSize, maxCrops, minRatio, ...crops] of rows) {
      const boxes = panAndScan({ width, height }, { minCropSize, maxCrops, minRatio })
      expect(
        boxes.map(({ height: h, left, top, width: w }) => [left, top, w, h]),
        `${width} x ${height}`
      ).toEqual(crops)
    }
  })

  it("a count in the middle of two goes up, at even numbers too; a crop's size is rounded up, so that the last may be smaller", () => {
    const cut = (width: number, height: number) => panAndScan({ width, height }, { minCropSize: 10, maxCrops: 9, minRatio: 1.2 })
    // int(math.floor(w / h + 0.5)) crops of ceil(w / crops) pixels: 2.5 are 3 of 167, 4.5 are 5 of 180, 2.49 are 2 of 249.
    expect(cut(500, 200).map(({ left, width }) => [left, width])).toEqual([
      [0, 167],
      [167, 167],
      [334, 166]
    ])
    expect(cut(200, 900).map(({ top, height }) => [top, height])).toEqual([0, 180, 360, 540, 720].map((top) => [top, 180]))
    expect(cut(498, 200).length).toBe(2)
  })

  it.prop(
    "crops fill the picture, in order, within their number; none is smaller than asked but the last",
    [Size, int(1, 400), int(1, 12), Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 3 }))],
    ([size, minCropSize, maxCrops, minRatio]) => {
      const boxes = panAndScan(size, { minCropSize, maxCrops, minRatio })
      if (boxes.length === 0) return
      fills(boxes, size)
      expect(boxes.length).toBeLessThanOrEqual(maxCrops)
      expect(Math.max(size.width, size.height) / Math.min(size.width, size.height)).toBeGreaterThanOrEqual(minRatio)
      for (const box of boxes.slice(0, -1)) expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(minCropSize)
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("grid of tiles", () => {
  it("gives the published sizes", () => {
    const Pair = Schema.Tuple([Schema.Int, Schema.Int])
    const rows = Schema.decodeUnknownSync(Schema.Array(Schema.Tuple([Schema.Int, Schema.Int, Schema.Int, Schema.Int, Pair, Pair, Schema.Int, Schema.Int])))(
      facts("tile-grid.json")
    )
    expect(rows.length).toBe(300)
    for (const [width, height, longest, tile, first, whole, down, across] of rows) {
      const resized = longestSide({ width, height }, longest)
      const grid = tileGrid(resized, tile)
      expect([[resized.width, resized.height], [grid.size.width, grid.size.height], grid.rows, grid.columns], `${width} x ${height}`).toEqual([
        first,
        whole,
        down,
        across
      ])
    }
  })

  it("enlarges a picture of 3 x 2 pixels, and cuts it", () => {
    expect(longestSide({ width: 3, height: 2 }, 112)).toEqual({ width: 112, height: 74 })
    expect(tileGrid({ width: 112, height: 74 }, 56)).toMatchObject({ rows: 2, columns: 2, size: { width: 112, height: 112 } })
  })

  it("a side of one pixel is one tile, though its share of the other comes out below 1", () => {
    expect(98 * (1 / 98)).toBeLessThan(1)
    expect(tileGrid(longestSide({ width: 1, height: 98 }, 98), 14)).toMatchObject({ rows: 7, columns: 1, size: { width: 14, height: 98 } })
  })

  it.prop(
    "tiles fill the picture, row by row, none more than the longest side has room for",
    // Published tiles have even sides (364, 512): the other side is made even, and may pass an odd longest one.
    [Size, int(1, 12), int(1, 300)],
    ([size, most, half]) => {
      const tile = 2 * half
      const grid = tileGrid(longestSide(size, most * tile), tile)
      expect(grid.rows).toBeLessThanOrEqual(most)
      expect(grid.columns).toBeLessThanOrEqual(most)
      expect(grid.tiles.length).toBe(grid.rows * grid.columns)
      if (grid.tiles.length > 0) fills(grid.tiles, grid.size)
      else expect(grid.size).toEqual({ width: tile, height: tile })
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("grid by shape", () => {
  const Settings = Schema.Struct({
    scale: int(28, 600),
    unit: int(1, 64),
    maxSlices: int(1, 20),
    rounding: Schema.Literals(["nearest", "down"]),
    ties: Schema.Literals(["fewest columns", "most rows"])
  })

  it.prop(
    "slices fill what they are cut from, row by row, within their number; all sides are multiples of the unit",
    [Size, Settings],
    ([size, settings]) => {
      const grid = adaptiveGrid(size, settings)
      expect(grid.slices.length).toBe(grid.rows * grid.columns)
      expect(grid.slices.length).toBeLessThanOrEqual(settings.maxSlices)
      for (const { height, width } of [grid.overview, ...grid.slices]) {
        expect([width % settings.unit, height % settings.unit]).toEqual([0, 0])
        expect(Math.min(width, height)).toBeGreaterThan(0)
      }
      if (grid.refined !== undefined) fills(grid.slices, grid.refined)
      else expect(grid.slices).toEqual([])
    },
    { arbitrary: { runs: 1000 } }
  )

  it("one slice is none: the overview alone", () => {
    const settings = { scale: 448, unit: 14, maxSlices: 1, rounding: "nearest", ties: "fewest columns" } as const
    expect(adaptiveGrid({ width: 4000, height: 3000 }, settings)).toMatchObject({ rows: 0, columns: 0, slices: [] })
    expect(adaptiveGrid({ width: 400, height: 300 }, { ...settings, maxSlices: 9 })).toMatchObject({ rows: 0, columns: 0, slices: [] })
  })

  it("halves of a unit go to the even multiple", () => {
    const settings = { scale: 1000, unit: 14, maxSlices: 9, rounding: "nearest", ties: "fewest columns" } as const
    // A picture that is cut keeps the overview's size: 35 = 2.5 x 14, 49 = 3.5 x 14.
    expect(adaptiveGrid({ width: 35_000, height: 49 }, settings).overview.height).toBe(42)
  })
})

describe("natural logarithm", () => {
  it("is rounded as C does, where Math.log is not", () => {
    // Python's math.log.
    expect([3 / 7, 5 / 3, 11, 1 / 3, 0.2, 1e300, 5e-324].map(naturalLog)).toEqual([
      -0.8472978603872037, 0.5108256237659907, 2.3978952727983707, -1.0986122886681098, -1.6094379124341003, 690.7755278982137, -744.4400719213812
    ])
  })

  it.prop(
    "is within the last bit of Math.log, and odd in the exponent",
    [Schema.Finite.check(Schema.isBetween({ minimum: 1e-6, maximum: 1e6 }))],
    ([value]) => {
      expect(Math.abs(naturalLog(value) - Math.log(value))).toBeLessThanOrEqual(Math.abs(Math.log(value)) * 2 ** -52 + 1e-300)
    },
    { arbitrary: { runs: 300 } }
  )

  it("ties: a picture of 4 : 1 is cut as the published code cuts it (see the golden folders' slicing.json)", () => {
    expect(naturalLog(4) - naturalLog(2)).toBe(naturalLog(2))
    expect(naturalLog(1)).toBe(0)
  })
})
