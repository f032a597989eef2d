import { Effect } from "effect"

/** Work that can be paused: it yields at points where the event loop may run something else, every fraction of a millisecond. */
export type Steps<A> = Generator<void, A, void>

/** Milliseconds that a slice may run before the event loop gets its turn. */
const SLICE_MS = 2

/** Runs pausable work to its end at once. */
export const atOnce = <A>(steps: Steps<A>): A => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Runs pausable work in slices of a few milliseconds, so that long work does not hold the event loop; interruption stops it. Work that throws dies. */
export const inSlices = <A>(steps: () => Steps<A>): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    let waiting: NodeJS.Immediate | undefined
    const work: Iterator<void, A, void> = steps()
    const slice = () => {
      try {
        const until = performance.now() + SLICE_MS
        for (;;) {
          const step = work.next()
          if (step.done === true) return resume(Effect.succeed(step.value))
          if (performance.now() > until) break
        }
        waiting = setImmediate(slice)
      } catch (error) {
        resume(Effect.die(error))
      }
    }
    slice()
    return Effect.sync(() => {
      clearImmediate(waiting)
      work.return?.()
    })
  })
