import { Context, Effect, Layer, type Scope, Stream } from "effect"
import type { Backend } from "../backend/backend.ts"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import type { AskError, EncodeError, LoadError, PlanError } from "../core/errors.ts"
import type { MediaOpener } from "../core/source.ts"
import { answer, type AskEvent, type AskOptions, emptyCells, plan as planPrompt, type SessionSettings } from "../session/ask.ts"
import * as SessionChat from "../session/chat.ts"
import * as EncoderCache from "../session/encoder-cache.ts"
import { describeChunk, type KeptRows } from "../session/kept-rows.ts"
import type { LoadedModel } from "../session/model.ts"
import { type ChatMessage, type ContentPart, openPrompt, type Question, turnsOf } from "../session/open-prompt.ts"
import type { PlanSummary } from "../session/plan-summary.ts"
import { defaultPrefillSettings } from "../session/prefill.ts"
import { describe, type GraphNode } from "../session/prompt-graph.ts"
import { slicedScheduler } from "../session/sliced-scheduler.ts"
import type { LoadOptions } from "./load-options.ts"
import { loadModel, type LoadServices, services } from "./load-model.ts"
import { advise } from "./plan-advice.ts"

/** A question's own system turn, beside how it is answered. */
export interface QuestionOptions extends AskOptions {
  readonly system?: string
}

/** How a chat begins. */
export interface ChatOptions {
  readonly system?: string
  /** Past turns. */
  readonly messages?: ReadonlyArray<ChatMessage>
}

/** A loaded model: ask it, plan for it, or take its halves alone. */
export interface SensoriumService {
  readonly model: LoadedModel
  /** The answer's text as it comes. */
  readonly ask: (question: Question, options?: QuestionOptions) => Stream.Stream<string, AskError>
  /** The same run, with its plan, progress and cost. */
  readonly events: (question: Question, options?: QuestionOptions) => Stream.Stream<AskEvent, AskError>
  /** What a prompt will cost. No frame is decoded, no weight runs. */
  readonly plan: (question: Question, options?: QuestionOptions) => Effect.Effect<PlanSummary, PlanError>
  /** The nodes that a prompt will run through. */
  readonly graph: (question: Question, options?: QuestionOptions) => Effect.Effect<ReadonlyArray<GraphNode>, PlanError>
  /** The encoder half alone: rows as they are made, in the order of the media. */
  readonly encode: (content: ContentPart | ReadonlyArray<ContentPart>) => Stream.Stream<KeptRows, PlanError | EncodeError>
  /** A conversation that keeps its cache. */
  readonly chat: (options?: ChatOptions) => Effect.Effect<SessionChat.Chat, never, Scope.Scope>
}

/** What a session of an open model runs with. */
export const settingsOf = (options: LoadOptions): SessionSettings => ({
  prefill: { ...defaultPrefillSettings, ...options.prefill },
  encoderCache: EncoderCache.make(options.encoderCacheBytes ?? 256 * 2 ** 20)
})

/** Everything that can be asked of a loaded model. */
export const make = (model: LoadedModel, settings: SessionSettings): Effect.Effect<SensoriumService, never, Backend | MediaOpener> =>
  Effect.gen(function* () {
    const context = Context.merge(yield* Effect.context<Backend | MediaOpener>(), slicedScheduler)
    const events: SensoriumService["events"] = (question, { system, ...options } = {}) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const prompt = yield* openPrompt(turnsOf(question, system))
          const held = yield* emptyCells(model)
          return answer(model, prompt, options, held, settings)
        })
      ).pipe(Stream.provideContext(context))
    const planned = (question: Question, { system, ...options }: QuestionOptions) =>
      Effect.flatMap(openPrompt(turnsOf(question, system)), (prompt) => planPrompt(model, prompt, options))
    return {
      model,
      events,
      ask: (question, options) =>
        events(question, options).pipe(
          Stream.filter((event) => event.type === "text-delta"),
          Stream.map(({ text }) => text)
        ),
      plan: (question, options = {}) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { summary } = yield* planned(question, options)
            if (summary.fits) return summary
            const advice = yield* advise(turnsOf(question, options.system), summary, (turns) => Effect.map(planned(turns, options), (other) => other.summary))
            return { ...summary, advice }
          })
        ).pipe(Effect.provideContext(context)),
      graph: (question, options = {}) =>
        Effect.scoped(Effect.map(planned(question, options), (one) => describe(model, one))).pipe(Effect.provideContext(context)),
      encode: (content) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const parts = Array.isArray(content) ? content : [content]
            const prompt = yield* openPrompt([{ role: "user", content: parts }])
            const { media } = yield* model.family.planner.plan(prompt)
            return Stream.fromIterable(media).pipe(
              Stream.map(settings.encoderCache.through),
              Stream.flatMap(({ encode, plan }) => Stream.map(encode, (chunk: EmbeddingChunk) => describeChunk({ ...chunk, plan })))
            )
          })
        ).pipe(Stream.provideContext(context)),
      chat: ({ messages = [], system } = {}) =>
        SessionChat.make(model, settings, [...(system === undefined ? [] : [{ role: "system" as const, content: system }]), ...messages]).pipe(
          Effect.provideContext(context)
        )
    }
  })

/** A local multimodal model, loaded. Loading can fail; what is provided by its layer cannot fail to load. */
export class Sensorium extends Context.Service<Sensorium, SensoriumService>()("sensorium/Sensorium") {
  /** Loads a model with everything that it runs on. */
  static readonly layer = (options: LoadOptions = {}): Layer.Layer<Sensorium, LoadError> => Sensorium.layerFrom(options).pipe(Layer.provide(services(options)))

  /** Loads a model over services that the program provides: another backend, cache, or opener of media. */
  static readonly layerFrom = (options: LoadOptions = {}): Layer.Layer<Sensorium, LoadError, LoadServices> =>
    Layer.effect(
      Sensorium,
      Effect.flatMap(loadModel(options).pipe(Effect.provideContext(slicedScheduler)), (model) => make(model, settingsOf(options)))
    )
}
