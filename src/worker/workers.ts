import { Context, Effect, Exit, Layer, Semaphore } from "effect"
import { availableParallelism } from "node:os"
import { type Transferable, Worker } from "node:worker_threads"
import { type Stage, WorkerFailed } from "../core/errors.ts"
import type { WorkerReply, WorkerRequest } from "./worker-message.ts"
import { moduleBeside, type WorkerTask } from "./worker-task.ts"

/** How many threads work off the event loop. */
export interface WorkerSettings {
  /** Threads at most, each started when it is first needed. Default: one fewer than the machine's processors, 1 to 2. */
  readonly size?: number
}

/** How one call is made. */
export interface CallOptions {
  /** Buffers of the arguments that are handed over instead of copied; the caller can no longer read them. */
  readonly transfer?: ReadonlyArray<Transferable>
  /** The stage that an error names. Default "encode". */
  readonly stage?: Stage
}

/** Runs functions on worker threads, so that heavy work never holds the event loop. */
export class Workers extends Context.Service<
  Workers,
  {
    /**
     * Runs a task and gives what it gives. Fails with `WorkerFailed` when the function throws or its thread dies. Interrupted, the thread is
     * ended (some 2 ms, even in a busy loop) and the next call starts another. A thread at rest does not keep the program alive.
     */
    readonly call: <Args extends ReadonlyArray<unknown>, A>(task: WorkerTask<Args, A>, args: Args, options?: CallOptions) => Effect.Effect<A, WorkerFailed>
    /** Threads now, at work or at rest. */
    readonly threads: Effect.Effect<number>
  }
>()("sensorium/worker/Workers") {
  /** Threads that live as long as the layer's scope; closing it ends them, and calls in flight fail. */
  static readonly layer = (settings: WorkerSettings = {}): Layer.Layer<Workers> => Layer.effect(Workers, make(settings))
}

const hostUrl = moduleBeside("./worker-host.ts", import.meta.url)

const start = (): Worker => {
  // No execArgv: a program started with --input-type or --eval would hand them on, and the thread would refuse them.
  const worker = new Worker(hostUrl, { execArgv: [] })
  worker.unref()
  return worker
}

const stop = (worker: Worker): Effect.Effect<void> => Effect.promise(() => worker.terminate())

/** One request on one thread. Fails with what ended the thread; after that, or an interruption, the thread is of no more use. */
const ask = (worker: Worker, request: WorkerRequest, transfer: ReadonlyArray<Transferable>): Effect.Effect<WorkerReply, string> =>
  Effect.callback<WorkerReply, string>((resume) => {
    const onMessage = (reply: WorkerReply): void => settle(Effect.succeed(reply))
    const onError = (error: unknown): void => settle(Effect.fail(error instanceof Error ? error.message : String(error)))
    const onExit = (code: number): void => settle(Effect.fail(`the thread ended with code ${code}`))
    const release = (): void => {
      worker.off("message", onMessage)
      worker.off("error", onError)
      worker.off("messageerror", onError)
      worker.off("exit", onExit)
      worker.unref()
    }
    const settle = (effect: Effect.Effect<WorkerReply, string>): void => {
      release()
      resume(effect)
    }
    worker.on("message", onMessage)
    worker.on("error", onError)
    worker.on("messageerror", onError)
    worker.on("exit", onExit)
    worker.ref()
    try {
      worker.postMessage(request, transfer)
    } catch (error) {
      // Arguments that cannot be cloned or handed over: nothing was sent.
      settle(Effect.succeed({ _tag: "Threw", message: error instanceof Error ? error.message : String(error) }))
    }
    return Effect.sync(release)
  })

const make = Effect.fnUntraced(function* (settings: WorkerSettings) {
  const size = Math.max(1, Math.floor(settings.size ?? Math.min(2, availableParallelism() - 1)))
  const permits = yield* Semaphore.make(size)
  const all = new Set<Worker>()
  const atRest: Array<Worker> = []
  let closed = false

  const drop = (worker: Worker): Effect.Effect<void> =>
    Effect.suspend(() => {
      all.delete(worker)
      const at = atRest.indexOf(worker)
      if (at >= 0) atRest.splice(at, 1)
      return stop(worker)
    })

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return Effect.forEach([...all], drop, { concurrency: "unbounded", discard: true })
    })
  )

  const take = Effect.sync(() => {
    const rested = atRest.pop()
    if (rested !== undefined) return rested
    const fresh = start()
    // A thread that dies at rest (out of memory, a late throw) is not handed out again; while at work, `ask` hears of it as well.
    fresh.on("error", () => undefined)
    fresh.on("exit", () => {
      all.delete(fresh)
      const at = atRest.indexOf(fresh)
      if (at >= 0) atRest.splice(at, 1)
    })
    all.add(fresh)
    return fresh
  })

  const call = <Args extends ReadonlyArray<unknown>, A>(task: WorkerTask<Args, A>, args: Args, options: CallOptions = {}): Effect.Effect<A, WorkerFailed> => {
    const failed = (message: string): WorkerFailed =>
      new WorkerFailed({ stage: options.stage ?? "encode", task: task.name, message: `${task.name} failed in a worker: ${message}` })
    return Effect.acquireUseRelease(
      Effect.suspend(() => (closed ? Effect.fail(failed("the workers are closed")) : take)),
      (worker) =>
        ask(worker, { module: task.module, name: task.name, args }, options.transfer ?? []).pipe(
          Effect.mapError(failed),
          Effect.map((reply) => ({ reply }))
        ),
      (worker, exit) =>
        Effect.suspend(() => {
          if (Exit.isFailure(exit) || closed) return drop(worker)
          if (all.has(worker)) atRest.push(worker)
          return Effect.void
        })
    ).pipe(
      // The types of what comes back are those of the task's function: the boundary between threads is the one place that knows only `unknown`.
      Effect.flatMap(({ reply }) => (reply._tag === "Done" ? Effect.succeed(reply.value as A) : Effect.fail(failed(reply.message)))),
      permits.withPermits(1)
    )
  }

  return Workers.of({ call, threads: Effect.sync(() => all.size) })
})
