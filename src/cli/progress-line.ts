import { Effect, type Scope } from "effect"

/** One line on standard error that says how far a run is. */
export interface ProgressLine {
  /** Shows a text in the place of the last one. */
  readonly show: (text: string) => void
  /** Takes the line away: before an answer is written, and at the end. */
  readonly clear: () => void
}

const silent: ProgressLine = { show: () => {}, clear: () => {} }

/** Shorter runs show nothing. */
const quietMilliseconds = 1_000
const betweenMilliseconds = 100
const eraseLine = "\r\u001b[2K"

/** A progress line that appears when a run takes longer than a second, and only where standard error is a terminal. The scope's end takes it away. */
export const progressLine: Effect.Effect<ProgressLine, never, Scope.Scope> = Effect.suspend(() => {
  if (!process.stderr.isTTY) return Effect.succeed(silent)
  const started = performance.now()
  let last = 0
  let shown = false
  const clear = () => {
    if (shown) process.stderr.write(eraseLine)
    shown = false
  }
  const show = (text: string) => {
    const now = performance.now()
    if (now - started < quietMilliseconds || now - last < betweenMilliseconds) return
    last = now
    shown = true
    process.stderr.write(`${eraseLine}${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
  }
  return Effect.acquireRelease(Effect.succeed({ show, clear }), () => Effect.sync(clear))
})

/** "12 of 340 rows (3 %)" */
export const share = (done: number, total: number, unit: string): string =>
  `${done.toLocaleString("en")} of ${total.toLocaleString("en")} ${unit} (${total === 0 ? 100 : Math.floor((done / total) * 100)} %)`
