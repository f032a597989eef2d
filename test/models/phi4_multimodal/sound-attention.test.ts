import { describe, expect, it } from "vitest"
import { relativeDistances, visibleRows } from "../../../src/models/phi4_multimodal/sound-attention.ts"

describe("attention among rows of sound", () => {
  it("adds 1 where a row looks and 0 where not, and hides nothing", () => {
    expect(Array.from(visibleRows(3, { chunk_size: -1, left_chunk: 18 }))).toEqual(Array.from({ length: 9 }, () => 1))
    // Pieces of 2 rows, one piece to the left.
    expect(Array.from(visibleRows(5, { chunk_size: 2, left_chunk: 1 }))).toEqual(
      [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0],
        [0, 0, 1, 1, 1]
      ].flat()
    )
  })

  it("has one entry of the table a distance, cut off at both ends", () => {
    expect(Array.from(relativeDistances(4, { bias_max_distance: 2, bias_symmetric: false }))).toEqual(
      [
        [2, 3, 3, 3],
        [1, 2, 3, 3],
        [0, 1, 2, 3],
        [0, 0, 1, 2]
      ].flat()
    )
    expect(Array.from(relativeDistances(3, { bias_max_distance: 2, bias_symmetric: true }))).toEqual([0, 1, 1, 1, 0, 1, 2, 1, 0])
  })
})
