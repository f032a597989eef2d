import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { slicedScheduler } from "../../src/session/sliced-scheduler.ts"

/** A step that holds the thread for a millisecond. */
const busy = Effect.sync(() => {
  for (const until = performance.now() + 1; performance.now() < until;);
})

/** Turns of the event loop that began while the effect ran. */
const turnsDuring = async <A, E>(effect: Effect.Effect<A, E>): Promise<number> => {
  let [turns, on] = [0, true]
  const turn = () => {
    turns++
    if (on) setTimeout(turn, 0)
  }
  setTimeout(turn, 0)
  await Effect.runPromise(effect)
  on = false
  return turns
}

const steps = (count: number, step: Effect.Effect<void> = busy) =>
  Effect.gen(function* () {
    for (let i = 0; i < count; i++) yield* step
  })

describe("the scheduler by time", () => {
  it("gives the event loop its turn between steps that take long, where Effect's own counts them and does not", async () => {
    expect(await turnsDuring(steps(40))).toBe(0)
    expect(await turnsDuring(steps(40).pipe(Effect.provideContext(slicedScheduler)))).toBeGreaterThan(5)
  })

  it("fibers take turns, and each comes to its end", async () => {
    const order: Array<string> = []
    const writing = (name: string) =>
      steps(
        12,
        Effect.andThen(
          busy,
          Effect.sync(() => order.push(name))
        )
      )
    await Effect.runPromise(Effect.all([writing("a"), writing("b")], { concurrency: 2, discard: true }).pipe(Effect.provideContext(slicedScheduler)))
    expect(order.toSorted().join("")).toBe("a".repeat(12) + "b".repeat(12))
    expect(order.indexOf("b")).toBeLessThan(order.lastIndexOf("a"))
    expect(order.indexOf("a")).toBeLessThan(order.lastIndexOf("b"))
  })

  it("a fiber that never waits can be interrupted", async () => {
    const exit = await Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.forever(busy))
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      }).pipe(Effect.provideContext(slicedScheduler))
    )
    expect(exit._tag).toBe("Failure")
  })

  it("what a fiber waited for is taken in at once, though the slice is over: an interruption behind it does not find the wait unfinished", async () => {
    let resume = (): void => {}
    let [cleaned, went] = [0, 0]
    const waiting = Effect.callback<void>((done) => {
      resume = () => done(Effect.void)
      return Effect.sync(() => cleaned++)
    }).pipe(Effect.andThen(busy), Effect.andThen(Effect.sync(() => went++)))
    const fiber = Effect.runFork(waiting.pipe(Effect.provideContext(slicedScheduler)))
    // Takes the slice up, and waits for its next turn.
    const other = Effect.runFork(steps(6).pipe(Effect.provideContext(slicedScheduler)))
    resume()
    const exit = await Effect.runPromise(Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber)))
    await Effect.runPromise(Fiber.await(other))
    expect([exit._tag, cleaned, went]).toEqual(["Failure", 0, 0])
  })

  it("what must end at once does, though the slice is over", async () => {
    const late = Effect.gen(function* () {
      yield* steps(5)
      return Effect.runSync(steps(5).pipe(Effect.as("done"), Effect.provideContext(slicedScheduler)))
    })
    expect(await Effect.runPromise(late.pipe(Effect.provideContext(slicedScheduler)))).toBe("done")
    for (const until = performance.now() + 5; performance.now() < until;);
    expect(Effect.runSync(Effect.andThen(steps(5), Effect.yieldNow).pipe(Effect.as("done"), Effect.provideContext(slicedScheduler)))).toBe("done")
  })

  it("what is scheduled runs by priority, then in order", async () => {
    const order: Array<string> = []
    const at = (name: string, priority: number) =>
      Effect.andThen(
        Effect.yieldNowWith(priority),
        Effect.sync(() => order.push(name))
      )
    await Effect.runPromise(
      Effect.all([at("late", 5), at("first", 0), at("second", 0)], { concurrency: 3, discard: true }).pipe(Effect.provideContext(slicedScheduler))
    )
    expect(order).toEqual(["first", "second", "late"])
  })
})
