import { Effect, Semaphore } from "effect"
import { freed, opened } from "../live-handles.ts"
import type { Native } from "./ort-api.ts"

/** Threads of Node's pool, on which native calls, files, names and pictures wait in one queue. libuv reads the variable when it first uses the pool. */
const poolThreads = (): number => {
  const set = process.env.UV_THREADPOOL_SIZE
  if (set === undefined) return 4
  const threads = Number.parseInt(set, 10)
  return Number.isFinite(threads) && threads > 0 ? threads : 1
}

/** Native calls in flight at once, in the whole process: at most 3, and one thread less than the pool has. */
export const mostCalls = Math.max(1, Math.min(3, poolThreads() - 1))

const gate = Semaphore.makeUnsafe(mostCalls)

/** Lets an effect that makes one native call wait for its turn. */
export type InTurn = <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Turns among the native calls of the process; with `concurrency`, at most so many of them at once are taken by what this makes. */
export const turns = (concurrency?: number): InTurn => {
  const ofProcess: InTurn = gate.withPermits(1)
  if (concurrency === undefined || concurrency >= mostCalls) return ofProcess
  const own = Semaphore.makeUnsafe(concurrency)
  return (call) => own.withPermits(1)(ofProcess(call))
}

/** Lets frees wait for one another only: koffi refuses more than 64 calls at once, and a free must not wait for another model's long run. */
export const inFreeingTurn: InTurn = Semaphore.makeUnsafe(1).withPermits(1)

const stops = new Set<() => void>()
let watching = false

/**
 * Leaving the process joins Node's pool, so it waits for the calls that are running; this makes them end soon.
 * Without it, leaving in the middle of a long run would take as long as the run.
 */
const stopAtExit = (): void => {
  if (watching) return
  watching = true
  process.on("exit", () => {
    for (const stop of stops) stop()
  })
}

/** A call on Node's pool. */
export interface NativeCall<Parameters extends ReadonlyArray<unknown>, Result, A, E> {
  readonly native: Native<Parameters, Result>
  readonly parameters: Parameters
  /** What native code refers to; koffi holds none of it. */
  readonly kept: unknown
  /** Asks native code to return soon. */
  readonly stop: () => void
  /** Runs exactly once when the call has returned, before anything else learns of it; `error` is koffi's own. */
  readonly ended: (error: unknown, result: Result | undefined) => Effect.Effect<A, E>
}

/**
 * Makes one native call on Node's pool. Interrupting calls `stop` and waits for the return: nothing native may be left behind that still uses our memory.
 * The callback's closure holds `call`, and so all that native code refers to, until then.
 */
export const callAsync = <Parameters extends ReadonlyArray<unknown>, Result, A, E>(call: NativeCall<Parameters, Result, A, E>): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    stopAtExit()
    let running = true
    let onEnd: (() => void) | undefined
    const end = (error: unknown, result: Result | undefined) => {
      running = false
      stops.delete(call.stop)
      freed("calls")
      resume(call.ended(error, result))
      onEnd?.()
    }
    opened("calls")
    stops.add(call.stop)
    try {
      call.native.async(...call.parameters, end)
    } catch (error) {
      end(error, undefined)
    }
    return Effect.callback<void>((done) => {
      if (!running) return done(Effect.void)
      onEnd = () => done(Effect.void)
      call.stop()
    })
  })
