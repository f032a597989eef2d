import { readFileSync } from "node:fs"
import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import { averageWeights, type AxisWeights, bicubicWeights, bilinearWeights, sameWeights, windowWeights } from "../../../src/compile/blocks/axis-weights.ts"
import { binsOf, windowOf } from "../../../src/models/llava_uhd/encoder.ts"

const Side = Schema.Tuple([Schema.Int, Schema.Int])
const Grid = Schema.Array(Schema.Array(Schema.Int))
const Facts = Schema.Struct({
  maps: Schema.Array(Schema.Tuple([Schema.Literals(["bilinear", "bicubic", "average"]), Side, Side, Grid, Schema.Array(Schema.Finite)])),
  windows: Schema.Array(Schema.Tuple([Side, Side, Grid, Schema.Array(Schema.Finite)]))
})
const { maps, windows } = Schema.decodeUnknownSync(Facts)(JSON.parse(readFileSync(new URL("./axis-weights.json", import.meta.url), "utf8")))

/** A grid of integers / 64 through both axes' weights. */
const mapped = (grid: ReadonlyArray<ReadonlyArray<number>>, rows: AxisWeights, columns: AxisWeights): ReadonlyArray<number> => {
  const [height, width] = [grid.length, grid[0].length]
  const out: Array<number> = []
  for (let y = 0; y < rows.length / height; y++) {
    for (let x = 0; x < columns.length / width; x++) {
      let sum = 0
      for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) sum += (rows[y * height + i] * columns[x * width + j] * grid[i][j]) / 64
      out.push(sum)
    }
  }
  return out
}

const farthest = (own: ReadonlyArray<number>, reference: ReadonlyArray<number>) => {
  expect(own.length).toBe(reference.length)
  return own.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i])), 0)
}

describe("weights along an axis", () => {
  it("interpolate and average as torch does", () => {
    const kinds = { bilinear: bilinearWeights, bicubic: bicubicWeights, average: averageWeights }
    expect(maps.length).toBe(24)
    for (const [kind, [h, w], [toH, toW], grid, reference] of maps) {
      expect(farthest(mapped(grid, kinds[kind](h, toH), kinds[kind](w, toW)), reference), `${kind} ${h} x ${w} to ${toH} x ${toW}`).toBeLessThan(2e-6)
    }
  })

  it("windows are torchvision's roi_align of the published boxes", () => {
    expect(windows.length).toBe(5)
    for (const [[h, w], [down, across], grid, reference] of windows) {
      const window = windowOf({ height: h, width: w })
      expect(
        farthest(mapped(grid, windowWeights(h, 12, window.height, down), windowWeights(w, 12, window.width, across)), reference),
        `${h} x ${w}`
      ).toBeLessThan(2e-6)
    }
  })

  const int = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
  const sums = (weights: AxisWeights, from: number) =>
    Array.from({ length: weights.length / from }, (_, i) => weights.subarray(i * from, (i + 1) * from).reduce((sum, one) => sum + one, 0))

  it.prop(
    "weights of every row add up to 1, and a grid of its own size stays",
    [int(80), int(80), int(4)],
    ([from, to, bins]) => {
      for (const weights of [bilinearWeights(from, to), bicubicWeights(from, to), averageWeights(from, to)])
        expect(sums(weights, from).every((sum) => Math.abs(sum - 1) < 1e-5)).toBe(true)
      // A window that is widened to one element may reach over the edge, where nothing is.
      const windowed = sums(windowWeights(from, 12, from / 12, bins), from)
      expect(windowed.every((sum) => sum > -1e-5 && sum < 1 + 1e-5 && (from < 12 || sum > 1 - 1e-5))).toBe(true)
      for (const weights of [bilinearWeights(from, from), bicubicWeights(from, from), averageWeights(from, from)]) expect(weights).toEqual(sameWeights(from))
    },
    { arbitrary: { runs: 300 } }
  )
})

it("bins of a window suit the part's shape; a tie goes to the first", () => {
  expect(binsOf({ width: 24, height: 24 })).toEqual({ width: 3, height: 3 })
  expect(binsOf({ width: 48, height: 12 })).toEqual({ width: 4, height: 2 })
  expect(binsOf({ width: 12, height: 48 })).toEqual({ width: 2, height: 4 })
  expect(binsOf({ width: 27, height: 20 })).toEqual({ width: 4, height: 3 })
})
