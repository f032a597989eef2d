import { Effect, Semaphore } from "effect"

/**
 * An effect that is run once and then answers what it gave. Callers at the same time wait for the first; a failure or an interruption
 * is not kept (`Effect.cached` keeps both), so the next caller tries again.
 */
export const memoize = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const one = Semaphore.makeUnsafe(1)
  let kept: { readonly value: A } | undefined
  return one.withPermits(1)(
    Effect.suspend(() =>
      kept !== undefined
        ? Effect.succeed(kept.value)
        : Effect.tap(effect, (value) =>
            Effect.sync(() => {
              kept = { value }
            })
          )
    )
  )
}
