import { Effect, type Scope, Semaphore, Stream } from "effect"
import type { Backend } from "../backend/backend.ts"
import type { AskError } from "../core/errors.ts"
import type { MediaOpener } from "../core/source.ts"
import { answer, type AskEvent, type AskOptions, emptyCells, type SessionSettings } from "./ask.ts"
import type { LoadedModel } from "./model.ts"
import { type ChatMessage, openPrompt, type Question, turnsOf } from "./open-prompt.ts"

/** A conversation: its turns, and the cells that hold them. */
export interface Chat {
  /** The whole history, the system's turn first; data that `ask` takes again. */
  readonly messages: () => ReadonlyArray<ChatMessage>
  /** The events of one answer. One at a time: a second one waits. A turn that did not finish leaves no trace. */
  readonly events: (question: Question, options?: AskOptions) => Stream.Stream<AskEvent, AskError>
  /** Another future of the same past: it shares computation, not memory, and reads its past anew when it is first asked. */
  readonly fork: Effect.Effect<Chat, never, Scope.Scope>
}

/** A conversation from turns that are already there. */
export const make = (
  model: LoadedModel,
  settings: SessionSettings,
  turns: ReadonlyArray<ChatMessage>
): Effect.Effect<Chat, never, Scope.Scope | Backend | MediaOpener> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Backend | MediaOpener>()
    const held = yield* emptyCells(model)
    const one = yield* Semaphore.make(1)
    let history = turns
    const events: Chat["events"] = (question, options = {}) =>
      Stream.unwrap(
        Effect.gen(function* () {
          yield* Effect.acquireRelease(one.take(1), () => one.release(1), { interruptible: true })
          const asked = [...history, ...turnsOf(question)]
          const prompt = yield* openPrompt(asked)
          let text = ""
          return answer(model, prompt, options, held, settings).pipe(
            Stream.tap((event) =>
              Effect.sync(() => {
                if (event.type === "text-delta") text += event.text
                if (event.type === "finish") history = [...asked, { role: "assistant", content: text }]
              })
            )
          )
        })
      ).pipe(Stream.provideContext(context))
    const fork: Chat["fork"] = Effect.suspend(() => make(model, settings, history)).pipe(Effect.provideContext(context))
    return { messages: () => history, events, fork }
  })
