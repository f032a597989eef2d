import { describe, expect, it } from "vitest"
import { files, textOf } from "./repository-files.ts"

const page = textOf("docs/traps.md")
const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| trap |"))
/** What stands between backticks in the second column, with the word before it. */
const named = rows.flatMap((row) =>
  Array.from(
    row
      .slice(0, -2)
      .slice(row.lastIndexOf(" | ") + 3)
      .matchAll(/(golden )?`([^`]+)`(?: (\w+))?/g),
    ([, golden, name, rung]) => ({ golden: golden !== undefined, name, rung })
  )
)

describe("docs/traps.md", () => {
  it("names a test or a golden case for every trap", () => {
    expect(rows.length).toBeGreaterThan(60)
    for (const row of rows) expect(row, row).toMatch(/`test\/|golden `/)
  })

  it("names tests that exist", () => {
    const tests = named.filter(({ golden }) => !golden)
    expect(tests.length).toBeGreaterThan(60)
    for (const { name } of tests) {
      const [path, title, ...more] = name.split(" › ")
      expect(files, name).toContain(path)
      expect(more).toEqual([])
      expect(textOf(path), name).toContain(title)
    }
  })

  it("names golden cases that exist, and a rung of the ladder", () => {
    const cases = named.filter(({ golden }) => golden)
    expect(cases.length).toBeGreaterThan(30)
    for (const { name, rung } of cases) {
      const at = name.lastIndexOf("/")
      expect(files).toContain(`test/golden/${name.slice(0, at)}/cases/${name.slice(at + 1)}.json`)
      expect(["features", "embeddings", "layout", "positions", "logits"], name).toContain(rung)
    }
  })
})
