import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { atOnce, inSlices, type Steps } from "../../src/text/time-slices.ts"

/** Spins for about a tenth of a millisecond a step. */
function* spin(steps: number, ended: (how: string) => void): Steps<number> {
  let done = 0
  try {
    for (; done < steps; done++) {
      for (const until = performance.now() + 0.1; performance.now() < until;) continue
      yield
    }
    return done
  } finally {
    ended(done === steps ? "done" : "stopped")
  }
}

describe("work in slices", () => {
  it.effect("gives what it gives at once, and lets the event loop turn", () =>
    Effect.gen(function* () {
      let turns = 0
      let running = true
      const turn = () => {
        turns++
        if (running) setImmediate(turn)
      }
      setImmediate(turn)
      expect(yield* inSlices(() => spin(200, () => {}))).toBe(200)
      running = false
      expect(turns).toBeGreaterThan(1)
      expect(atOnce(spin(3, () => {}))).toBe(3)
    })
  )

  it.effect("stops, and ends the work, when interrupted", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const fiber = yield* Effect.forkChild(inSlices(() => spin(1_000_000, (how) => ends.push(how))))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))))
      yield* Fiber.interrupt(fiber)
      expect(ends).toEqual(["stopped"])
    })
  )

  it.effect("work that throws is a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        inSlices(function* (): Steps<number> {
          yield
          throw new Error("broken")
        })
      )
      expect(Exit.isFailure(exit)).toBe(true)
    })
  )
})
