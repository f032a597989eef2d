import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { broadcastSide, floorDivide, product, quotient, type Side, sum } from "../../src/onnx/side.ts"
import { evaluate } from "./run-graph.ts"

describe("sides", () => {
  it("equal sides are spelled the same, however they were computed", () => {
    expect(product(["rows", 7])).toBe("7*rows")
    expect(product([7, "rows"])).toBe(product([1, "rows", 1, 7]))
    expect(product(["rows", "cells", 2])).toBe(product(["cells", product([2, "rows"])]))
    expect(quotient(product(["rows", 14]), 2)).toBe("7*rows")
    expect(quotient(product(["rows", 14]), product([7, "rows"]))).toBe(2)
    expect(quotient("rows", 4)).toBe("rows/4")
    expect(product([quotient("rows", 4) ?? 0, 4])).toBe("rows")
    expect(product([quotient("rows", 4) ?? 0, 8])).toBe("2*rows")
    expect(sum(["rows", 3, -3])).toBe("rows")
    expect(sum(["rows", "rows"])).toBe("2*rows")
    expect(sum(["rows", -1])).toBe("(rows-1)")
    expect(sum([sum(["rows", -1]), sum(["cells", 3])])).toBe("(cells+rows+2)")
    expect(product([sum(["rows", 2]), 3])).toBe("3*(rows+2)")
    expect(product([0, "rows"])).toBe(0)
    expect(product([])).toBe(1)
  })

  it("what cannot divide is undefined, what may at run time is a side of its own", () => {
    expect(quotient(7, 2)).toBeUndefined()
    expect(quotient(6, 0)).toBeUndefined()
    expect(quotient("rows", "cells")).toBe("(rows/cells)")
    expect(floorDivide(7, 2)).toBe(3)
    expect(floorDivide("rows", 1)).toBe("rows")
    expect(sum([floorDivide(sum(["frames", -1]), 2), 1])).toBe("((floor((frames-1),2))+1)")
  })

  it("broadcast: 1 gives way, numbers must be equal, a name gives way to a number, an unknown one to a name", () => {
    const cases: ReadonlyArray<readonly [Side, Side, Side | undefined]> = [
      [3, 3, 3],
      [1, 5, 5],
      [5, 1, 5],
      [2, 3, undefined],
      ["rows", 1, "rows"],
      [1, "rows", "rows"],
      ["rows", 8, 8],
      [8, "rows", 8],
      ["rows", "cells", "rows"],
      ["?0", "rows", "rows"]
    ]
    for (const [a, b, expected] of cases) expect([a, b, broadcastSide(a, b)]).toEqual([a, b, expected])
  })

  const Steps = Schema.Array(Schema.Tuple([Schema.Int, Schema.Int]))
  it.prop(
    "whatever is computed with sides has the number that arithmetic gives",
    [Steps],
    ([steps]) => {
      // Sides that divide by everything used below.
      const symbols = { rows: 720720, cells: 5040, w: 11 }
      const names = ["rows", "cells", "w"] as const
      let side: Side = "rows"
      let value = symbols.rows
      for (const [kind, operand] of steps.slice(0, 6)) {
        // Numbers stay exact.
        if (Math.abs(value) > 2 ** 32) break
        const name = names[Math.abs(operand) % 3]
        const small = 1 + (Math.abs(operand) % 6)
        switch (Math.abs(kind) % 6) {
          case 0:
            ;[side, value] = [product([side, small]), value * small]
            break
          case 1:
            ;[side, value] = [product([side, name]), value * symbols[name]]
            break
          case 2:
            ;[side, value] = [sum([side, operand % 7]), value + (operand % 7)]
            break
          case 3:
            ;[side, value] = [sum([side, name]), value + symbols[name]]
            break
          case 4:
            ;[side, value] = [floorDivide(side, small), Math.floor(value / small)]
            break
          default: {
            const divided = quotient(side, small)
            if (divided !== undefined && value % small === 0) [side, value] = [divided, value / small]
          }
        }
      }
      expect(evaluate(side, symbols)).toBe(value)
      expect(product([side])).toBe(side)
      expect(sum([side])).toBe(side)
    },
    { arbitrary: { runs: 1000 } }
  )
})
