import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { expect, it } from "vitest"
import { bucketedPositions, positionsOnGrid, steppedFractions, torchArange } from "../../../src/compile/blocks/bucketed-positions.ts"

const Rows = Schema.Array(
  Schema.Struct({ across: Schema.Int, moved: Schema.Array(Schema.Tuple([Schema.Int, Schema.Int])), arange: Schema.optional(Schema.Array(Schema.Finite)) })
)
const rows = Schema.decodeUnknownSync(Rows)(JSON.parse(readFileSync(new URL("./bucketed-positions.json", import.meta.url), "utf8")))

it("whole tiles have the published positions, rounding included", () => {
  expect(rows.length).toBe(120)
  for (const { across, moved } of rows) {
    const wanted = Array.from({ length: across }, (_, i) => moved.find(([patch]) => patch === i)?.[1] ?? i)
    expect(bucketedPositions(steppedFractions(across), across), `${across} patches`).toEqual(wanted)
  }
  expect(rows.filter(({ moved }) => moved.length > 0).length).toBeGreaterThan(20)
})

it("torch's arange, to the last bit", () => {
  const known = rows.filter(({ arange }) => arange !== undefined)
  expect(known.length).toBe(24)
  for (const { across, arange } of known) expect(Array.from(torchArange(1 / across, 1, 1 / across)), `${across}`).toEqual(arange)
})

it("positions of a grid go row by row", () => {
  expect(positionsOnGrid([0, 3], [1, 2], 5)).toEqual([1, 2, 16, 17])
})
