import { Context, Scheduler } from "effect"

/** Milliseconds that fibers may run before the event loop gets its turn. */
const SLICE_MS = 2

/** When the fibers of this turn of the event loop began to run; undefined before the first of them. */
let began: number | undefined

/** Milliseconds that fibers have run in this turn of the event loop. */
const spent = (): number => {
  const now = performance.now()
  if (began === undefined) {
    began = now
    setImmediate(() => {
      began = undefined
    })
  }
  return now - began
}

/** Whether what waits is run at once, because somebody wants its end now (`Effect.runSync`): nothing yields meanwhile, since its turn would never come. */
let isFlushing = false

interface Waiting {
  readonly task: () => void
  readonly priority: number
}

/** Runs what waits in order (low priority numbers first) until the slice is over; the rest waits for the next turn. */
class SlicedDispatcher implements Scheduler.SchedulerDispatcher {
  #waiting: Array<Waiting> = []
  #hasTurn = false

  scheduleTask(task: () => void, priority: number): void {
    const at = this.#waiting.findLastIndex((other) => other.priority <= priority)
    this.#waiting.splice(at + 1, 0, { task, priority })
    this.#askForTurn()
  }

  flush(): void {
    const before = isFlushing
    isFlushing = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.task()
    } finally {
      isFlushing = before
    }
  }

  readonly #run = (): void => {
    this.#hasTurn = false
    // What is scheduled meanwhile waits for the next turn, as with Effect's own scheduler.
    for (let due = this.#waiting.length; due > 0; due--) {
      if (spent() > SLICE_MS) break
      this.#waiting.shift()?.task()
    }
    if (this.#waiting.length > 0) this.#askForTurn()
  }

  #askForTurn(): void {
    if (this.#hasTurn) return
    this.#hasTurn = true
    setImmediate(this.#run)
  }
}

/**
 * Effect's scheduler by time: fibers let the event loop have its turn after two milliseconds, however much one of their steps does, and take turns among themselves.
 * Effect's own counts 2,048 steps, which take 20 milliseconds and more where code is still cold.
 */
const scheduler = (): Scheduler.Scheduler => {
  const dispatcher = new SlicedDispatcher()
  return {
    executionMode: "async",
    // Never before the first step: it takes in what the fiber waited for, and an interruption meanwhile would find the wait unfinished.
    shouldYield: ({ currentOpCount }) => !isFlushing && currentOpCount > 1 && spent() > SLICE_MS,
    makeDispatcher: () => dispatcher
  }
}

/** One for the thread, so that fibers of several questions take turns too. */
export const slicedScheduler: Context.Context<never> = Context.make(Scheduler.Scheduler, scheduler())
