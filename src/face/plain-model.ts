import { Effect, Exit, ManagedRuntime, Scheduler, Scope, Stream } from "effect"
import type { AskEvent, AskOptions } from "../session/ask.ts"
import type { Chat as SessionChat } from "../session/chat.ts"
import type { KeptRows } from "../session/kept-rows.ts"
import type { ChatMessage, ContentPart, Question } from "../session/open-prompt.ts"
import type { PlanSummary } from "../session/plan-summary.ts"
import type { GraphNode } from "../session/prompt-graph.ts"
import { Run } from "./run.ts"
import { type ChatOptions, type QuestionOptions, Sensorium, type SensoriumService } from "./sensorium.ts"
import type { LoadOptions } from "./load-options.ts"

/** What cancels. */
export interface Cancellable {
  /** Aborted, the call rejects with its reason, and everything behind it is freed. */
  readonly signal?: AbortSignal
}

/** Runs an effect as a promise that rejects with `signal.reason` when it is aborted, after everything is freed. */
const promise = async <A, E>(effect: Effect.Effect<A, E>, signal: AbortSignal | undefined): Promise<A> => {
  signal?.throwIfAborted()
  const exit = await Effect.runPromiseExit(effect, signal === undefined ? {} : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true) throw signal.reason
  return Effect.runPromise(Effect.failCause(exit.cause))
}

/** Runs that have started and not ended; closing a model stops them first. */
class Runs {
  readonly #open = new Set<Run>()

  /** A run over a stream of events. */
  start(events: Stream.Stream<AskEvent, unknown>, signal: AbortSignal | undefined): Run {
    const run: Run = new Run(() => {
      this.#open.add(run)
      return Stream.toAsyncIterable(events.pipe(Stream.ensuring(Effect.sync(() => this.#open.delete(run)))))[Symbol.asyncIterator]()
    }, signal)
    return run
  }

  /** Stops them all; resolves when everything behind them is freed. */
  async stop(): Promise<void> {
    await Promise.all([...this.#open].map((run) => run.stop(new Error("the model was disposed of"))))
  }
}

/** A conversation. `await using` closes it, or `dispose()`. */
export class Chat implements AsyncDisposable {
  readonly #chat: SessionChat
  readonly #scope: Scope.Closeable
  readonly #runs: Runs

  /** Made by `model.chat()`. */
  constructor(chat: SessionChat, scope: Scope.Closeable, runs: Runs) {
    this.#chat = chat
    this.#scope = scope
    this.#runs = runs
  }

  /** The whole history, the system's turn first; data that `ask` takes again. */
  get messages(): ReadonlyArray<ChatMessage> {
    return this.#chat.messages()
  }

  /** The next turn. One at a time: a second one waits. A turn that did not finish leaves no trace. */
  ask(question: Question, { signal, ...options }: AskOptions & Cancellable = {}): Run {
    return this.#runs.start(this.#chat.events(question, options), signal)
  }

  /** Another future of the same past. */
  async fork(): Promise<Chat> {
    const scope = Scope.makeUnsafe()
    return new Chat(await Effect.runPromise(Scope.provide(this.#chat.fork, scope)), scope, this.#runs)
  }

  /** Frees its cache. */
  async dispose(): Promise<void> {
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }

  /** Frees its cache. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** A loaded model. `await using` closes it, or `dispose()`. */
export class Model implements AsyncDisposable {
  readonly #runtime: ManagedRuntime.ManagedRuntime<Sensorium, unknown>
  readonly #service: SensoriumService
  readonly #runs = new Runs()
  readonly #chats = new Set<Chat>()

  /** Made by `load()`. */
  constructor(runtime: ManagedRuntime.ManagedRuntime<Sensorium, unknown>, service: SensoriumService) {
    this.#runtime = runtime
    this.#service = service
  }

  /** Folder of the checkpoint, or the name of the model in the package. */
  get name(): string {
    return this.#service.model.name
  }

  /** Numbers in a row of the decoder: the width of every producer's rows. */
  get width(): number {
    return this.#service.model.decoder.shape.width
  }

  /** Asks once. See `Run` for the ways to take the answer. */
  ask(question: Question, { signal, ...options }: QuestionOptions & Cancellable = {}): Run {
    return this.#runs.start(this.#service.events(question, options), signal)
  }

  /** What a prompt will cost: rows, frames, positions, cache. No frame is decoded, no weight runs. */
  plan(question: Question, { signal, ...options }: QuestionOptions & Cancellable = {}): Promise<PlanSummary> {
    return promise(this.#service.plan(question, options), signal)
  }

  /** The nodes that a prompt will run through. */
  graph(question: Question, { signal, ...options }: QuestionOptions & Cancellable = {}): Promise<ReadonlyArray<GraphNode>> {
    return promise(this.#service.graph(question, options), signal)
  }

  /** The encoder half alone: rows as they are made. Leaving the loop stops everything behind it. */
  async *encode(content: ContentPart | ReadonlyArray<ContentPart>, { signal }: Cancellable = {}): AsyncGenerator<KeptRows, void, undefined> {
    signal?.throwIfAborted()
    const rows = Stream.toAsyncIterable(this.#service.encode(content))[Symbol.asyncIterator]()
    const onAbort = () => void rows.return?.()
    signal?.addEventListener("abort", onAbort, { once: true })
    try {
      for (let next = await rows.next(); next.done !== true; next = await rows.next()) yield next.value
    } finally {
      signal?.removeEventListener("abort", onAbort)
      await rows.return?.()
    }
    signal?.throwIfAborted()
  }

  /** A conversation that keeps its cache. */
  chat(options: ChatOptions = {}): Chat {
    const scope = Scope.makeUnsafe()
    const chat = new Chat(
      // Without a turn of its own: `runSync` would run all that waits for one, other questions' work too.
      Effect.runSync(Scope.provide(this.#service.chat(options), scope).pipe(Effect.provideService(Scheduler.PreventSchedulerYield, true))),
      scope,
      this.#runs
    )
    this.#chats.add(chat)
    return chat
  }

  /** Stops what runs and frees everything: threads, processes, files. The program then ends by itself. */
  async dispose(): Promise<void> {
    await this.#runs.stop()
    for (const chat of this.#chats) await chat.dispose()
    await this.#runtime.dispose()
  }

  /** Stops what runs and frees everything. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** Loads the model in the package, or a checkpoint's folder: `load("./Qwen2.5-Omni-3B", { dtype: "fp16" })`. Rejects with a `SensoriumError`. */
export const load = async (model?: string, { signal, ...options }: Omit<LoadOptions, "model"> & Cancellable = {}): Promise<Model> => {
  const runtime = ManagedRuntime.make(Sensorium.layer({ ...options, ...(model === undefined ? {} : { model }) }))
  try {
    return new Model(
      runtime,
      await promise(
        Effect.flatMap(runtime.contextEffect, (context) => Effect.provideContext(Sensorium, context)),
        signal
      )
    )
  } catch (error) {
    await runtime.dispose()
    throw error
  }
}
