/** Watches text for strings that end an answer. */
export interface StopStrings {
  /** Takes text on: gives what may be shown. `stopped`: a stop string was found; the text ends in front of it, and nothing more comes. */
  readonly push: (text: string) => { readonly text: string; readonly stopped: boolean }
  /** What was held back as the possible beginning of a stop string. */
  readonly end: () => string
}

/** Length of the longest end of `text` that is the beginning of `stop`, and not all of it. */
const overlap = (text: string, stop: string): number => {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}

/** Watches for any of `stops`, across pieces; the one that is complete first cuts, the longest of several that end together. Empty strings are ignored. */
export const makeStopStrings = (stops: ReadonlyArray<string>): StopStrings => {
  const wanted = stops.filter((stop) => stop !== "")
  let held = ""
  let stopped = false
  return {
    push: (text) => {
      if (stopped) return { text: "", stopped }
      held += text
      let end = Infinity
      let from = 0
      for (const stop of wanted) {
        const at = held.indexOf(stop)
        if (at === -1 || at + stop.length > end || (at + stop.length === end && at > from)) continue
        end = at + stop.length
        from = at
      }
      if (end < Infinity) {
        const shown = held.slice(0, from)
        stopped = true
        held = ""
        return { text: shown, stopped }
      }
      const keep = wanted.reduce((longest, stop) => Math.max(longest, overlap(held, stop)), 0)
      const shown = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return { text: shown, stopped }
    },
    end: () => {
      const rest = held
      held = ""
      return rest
    }
  }
}
