import { Effect } from "effect"

/** Counts what uses a native thing now, so that it is freed after the last use and never before. */
export class Uses {
  #count = 0
  #open = true
  #onIdle: (() => void) | undefined

  /** False once closing has begun: no use may start. */
  get open(): boolean {
    return this.#open
  }

  /** Begins a use. */
  enter(): void {
    this.#count++
  }

  /** Ends a use. */
  leave(): void {
    this.#count--
    if (this.#count === 0) this.#onIdle?.()
  }

  /** Lets no use start any more, waits until none goes on, then runs `free`: once, however often it is called. */
  close(free: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        if (!this.#open) return Effect.void
        this.#open = false
        const idle = Effect.callback<void>((resume) => {
          if (this.#count === 0) return resume(Effect.void)
          this.#onIdle = () => resume(Effect.void)
        })
        return Effect.andThen(idle, free)
      })
    )
  }
}
