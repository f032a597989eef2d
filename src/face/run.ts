import type { AskEvent, FinishReason, Usage } from "../session/ask.ts"

/** A whole answer with what it cost. */
export interface Answer {
  readonly text: string
  readonly finishReason: FinishReason
  readonly usage: Usage
}

/** The events' source: started at the first take, told to stop when nobody takes any more. */
export type StartEvents = () => AsyncIterator<AskEvent>

const aborted = (): Error => {
  const error = new Error("the answer was stopped before its end")
  error.name = "AbortError"
  return error
}

/**
 * One run of a question, and three ways to take it: `for await` its text, `await` the whole answer, or `.events()`. Nothing runs until it is
 * taken; taken again, it is replayed. Leaving the loop stops everything behind it, when nobody else takes the run. Rejects with a `SensoriumError`,
 * or with `signal.reason`.
 */
export class Run implements PromiseLike<Answer>, AsyncIterable<string> {
  readonly #start: StartEvents
  readonly #signal: AbortSignal | undefined
  readonly #seen: Array<AskEvent> = []
  #source: AsyncIterator<AskEvent> | undefined
  #pulling: Promise<void> | undefined
  #stopping: Promise<unknown> | undefined
  #takers = 0
  #end: { readonly error?: unknown } | undefined

  constructor(start: StartEvents, signal: AbortSignal | undefined) {
    this.#start = start
    this.#signal = signal
  }

  /** Plan, progress, text and finish, in order. */
  async *events(): AsyncGenerator<AskEvent, void, undefined> {
    this.#takers++
    try {
      for (let i = 0; ;) {
        if (i < this.#seen.length) {
          yield this.#seen[i++]
          continue
        }
        if (this.#end !== undefined) {
          if ("error" in this.#end) throw this.#end.error
          return
        }
        await (this.#pulling ??= this.#pull())
      }
    } finally {
      this.#takers--
      if (this.#takers === 0) await this.stop(aborted())
    }
  }

  /** The answer's text as it comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for await (const event of this.events()) if (event.type === "text-delta") yield event.text
  }

  /** The whole answer, when it is there. */
  then<A = Answer, B = never>(
    onAnswer?: ((answer: Answer) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    return this.#whole().then(onAnswer, onError)
  }

  /** Stops the run, if it has not ended; resolves when everything behind it is freed. */
  stop(reason: unknown): Promise<unknown> {
    if (this.#end === undefined) {
      this.#end = { error: reason }
      this.#stopping = this.#source?.return?.() ?? Promise.resolve()
    }
    return this.#stopping ?? Promise.resolve()
  }

  async #whole(): Promise<Answer> {
    let text = ""
    for await (const event of this.events()) {
      if (event.type === "text-delta") text += event.text
      if (event.type === "finish") return { text, finishReason: event.finishReason, usage: event.usage }
    }
    throw aborted()
  }

  async #pull(): Promise<void> {
    const signal = this.#signal
    if (signal?.aborted === true) {
      this.#end = { error: signal.reason }
      return
    }
    const onAbort = () => void this.stop(signal?.reason)
    signal?.addEventListener("abort", onAbort, { once: true })
    try {
      const { done, value } = await (this.#source ??= this.#start()).next()
      if (this.#end !== undefined) await this.#stopping
      else if (done === true) this.#end = {}
      else {
        this.#seen.push(value)
        // The finish is the last event: what is behind it is freed before anybody sees it.
        if (value.type === "finish") {
          this.#end = {}
          await this.#source.return?.()
        }
      }
    } catch (error) {
      this.#end ??= { error }
    } finally {
      signal?.removeEventListener("abort", onAbort)
      this.#pulling = undefined
    }
  }
}
