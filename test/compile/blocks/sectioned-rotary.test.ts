import { describe, expect, it } from "vitest"
import { sectionedRotary } from "../../../src/compile/blocks/sectioned-rotary.ts"
import { qwenVlTable } from "../../golden/layouts/qwen-vl-table.ts"

describe("M-RoPE tables", () => {
  it("contiguous: one section after another", () => {
    const { axisOf, frequencies } = sectionedRotary({ headWidth: 16, theta: 10_000, sections: [2, 3, 3], interleaved: false })
    expect(Array.from(axisOf)).toEqual([0, 0, 1, 1, 1, 2, 2, 2])
    expect(frequencies[0]).toBe(1)
    expect(frequencies[4]).toBeCloseTo(0.01, 8)
  })

  it("interleaved: as apply_interleaved_mrope puts them", () => {
    for (const { axes, pairs, section } of qwenVlTable.interleaved) {
      expect(Array.from(sectionedRotary({ headWidth: 2 * pairs, theta: 10_000, sections: section, interleaved: true }).axisOf)).toEqual(axes)
    }
  })

  it("tables that turn differently have different ids", () => {
    const one = { headWidth: 24, theta: 10_000, sections: [6, 3, 3] }
    expect(sectionedRotary({ ...one, interleaved: true }).id).not.toBe(sectionedRotary({ ...one, interleaved: false }).id)
  })
})
