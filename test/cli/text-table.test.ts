import { describe, expect, it } from "vitest"
import { bytes, count, textTable } from "../../src/cli/text-table.ts"

describe("text tables", () => {
  it("lays cells out in columns, numbers to the right", () => {
    expect(
      textTable([
        ["name", "rows"],
        ["a.png", "12"],
        ["longer.png", "1,234"]
      ])
    ).toBe("name         rows\na.png          12\nlonger.png  1,234")
  })
  it("lays out nothing as nothing", () => expect(textTable([])).toBe(""))
  it("writes counts with separators", () => expect(count(1234567)).toBe("1,234,567"))
  it("writes bytes for people", () =>
    expect([0, 999, 1000, 1_234_567, 1.2e9, 5e15].map(bytes)).toEqual(["0 bytes", "999 bytes", "1.00 kB", "1.23 MB", "1.20 GB", "5.00e+3 TB"]))
})
