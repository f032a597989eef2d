import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { makeStopStrings } from "../../src/text/stop-strings.ts"

const letters = (longest: number) => Schema.Array(Schema.Literals(["a", "b", "c"])).check(Schema.isMaxLength(longest))

describe("stop strings", () => {
  it.prop(
    "cut at the one that is complete first, wherever the text is broken",
    [Schema.Array(letters(4)).check(Schema.isMaxLength(12)), Schema.Array(letters(4)).check(Schema.isMaxLength(3))],
    ([pieces, stops]) => {
      const wanted = stops.map((stop) => stop.join(""))
      const whole = pieces.flat().join("")
      // One character after another, the whole text so far against every stop string.
      let expected = whole
      for (let end = 1; end <= whole.length && expected === whole; end++) {
        const done = wanted.filter((stop) => stop !== "" && whole.slice(0, end).endsWith(stop))
        if (done.length > 0) expected = whole.slice(0, end - Math.max(...done.map((stop) => stop.length)))
        if (done.length > 0) break
      }
      const stopped = wanted.some((stop) => stop !== "" && whole.includes(stop))
      const watch = makeStopStrings(wanted)
      let shown = ""
      for (const piece of pieces) {
        const passed = watch.push(piece.join(""))
        shown += passed.text
        expect(whole.startsWith(shown)).toBe(true)
        if (passed.stopped) break
      }
      expect(shown + watch.end()).toBe(expected)
      expect(watch.push("").stopped).toBe(stopped)
    },
    { arbitrary: { runs: 1000 } }
  )

  it("holds back no more than could begin one", () => {
    const watch = makeStopStrings(["END", "\n\n"])
    expect(watch.push("one\n")).toEqual({ text: "one", stopped: false })
    expect(watch.push("two E")).toEqual({ text: "\ntwo ", stopped: false })
    expect(watch.push("NoEN")).toEqual({ text: "ENo", stopped: false })
    expect(watch.push("D more")).toEqual({ text: "", stopped: true })
    expect(watch.push("still")).toEqual({ text: "", stopped: true })
    expect(watch.end()).toBe("")
  })
})
