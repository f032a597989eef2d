import { describe, expect, it } from "vitest"
import { exitCodeOf, exitCodes } from "../../src/cli/exit-codes.ts"
import { BackendFailure, CheckpointUnreadable, ContextOverflow, FfmpegMissing, OptionInvalid, SourceUnreadable } from "../../src/core/errors.ts"
import { textOf } from "../ground/repository-files.ts"

describe("exit codes", () => {
  it("follow the error", () => {
    const said = { stage: "open", message: "m" } as const
    expect(exitCodeOf(new OptionInvalid({ ...said, option: "fps" }))).toBe(2)
    expect(exitCodeOf(new SourceUnreadable({ ...said, source: "a.png" }))).toBe(3)
    expect(exitCodeOf(new ContextOverflow({ ...said, rowsNeeded: 2, rowsLeft: 1 }))).toBe(4)
    expect(exitCodeOf(new CheckpointUnreadable({ ...said, path: "x" }))).toBe(5)
    expect(exitCodeOf(new FfmpegMissing({ ...said, tried: [] }))).toBe(6)
    expect(exitCodeOf(new BackendFailure({ ...said, graph: "g" }))).toBe(6)
  })
  it("are all under 128, and in the table of docs/command-line.md", () => {
    const table = textOf("docs/command-line.md")
    for (const code of Object.values(exitCodes)) {
      expect(code).toBeLessThan(128)
      expect(table).toContain(`| ${code} |`)
    }
  })
})
