import { Effect } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { progressLine, share } from "../../src/cli/progress-line.ts"

const standardError = process.stderr
/** Runs a piece with a terminal, or none, in the place of standard error and a clock that is set by hand; gives what was written. */
const written = (
  isTTY: boolean,
  piece: (show: (text: string) => void, setClock: (milliseconds: number) => void, clear: () => void) => void
): ReadonlyArray<string> => {
  const wrote: Array<string> = []
  let clock = 0
  vi.spyOn(performance, "now").mockImplementation(() => clock)
  Object.defineProperty(process, "stderr", { configurable: true, value: { isTTY, columns: 20, write: (text: string) => wrote.push(text) } })
  Effect.runSync(Effect.scoped(Effect.map(progressLine, ({ clear, show }) => piece(show, (milliseconds) => (clock = milliseconds), clear))))
  return wrote
}

afterEach(() => {
  vi.restoreAllMocks()
  Object.defineProperty(process, "stderr", { configurable: true, value: standardError })
})

describe("the progress line", () => {
  it("says nothing in the first second", () => {
    expect(written(true, (show, setClock) => (setClock(999), show("early")))).toEqual([])
  })
  it("shows one text in the place of the last, at most ten a second, and is taken away at the end", () => {
    const wrote = written(true, (show, setClock) => {
      setClock(1000)
      show("one")
      setClock(1050)
      show("too soon")
      setClock(1100)
      show("two")
    })
    expect(wrote).toEqual(["\r\u001b[2Kone", "\r\u001b[2Ktwo", "\r\u001b[2K"])
  })
  it("stays within the terminal's width", () => {
    expect(written(true, (show, setClock) => (setClock(2000), show("a text that is longer than twenty columns")))[0]).toBe("\r\u001b[2Ka text that is long")
  })
  it("is silent where standard error is no terminal", () => {
    expect(written(false, (show, setClock) => (setClock(5000), show("text")))).toEqual([])
  })
  it("writes shares", () => {
    expect(share(512, 2048, "rows")).toBe("512 of 2,048 rows (25 %)")
    expect(share(0, 0, "rows")).toBe("0 of 0 rows (100 %)")
  })
})
