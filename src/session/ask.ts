import { Effect, Option, type Scope, Stream } from "effect"
import type { Backend } from "../backend/backend.ts"
import { afterAnswer, type CellIdentity, identityOf } from "../core/cell-identity.ts"
import { type AskError, ContextOverflow, OptionInvalid, type PlanError } from "../core/errors.ts"
import type { Positions } from "../core/positions.ts"
import type { Prompt } from "../core/prompt.ts"
import type { PromptPlan } from "../core/prompt-plan.ts"
import type { EncoderCache } from "./encoder-cache.ts"
import { type Generation, readToken } from "./generate.ts"
import * as KvCache from "./kv-cache.ts"
import type { LoadedModel } from "./model.ts"
import { type PlanSummary, planSummary } from "./plan-summary.ts"
import { prefill, type PrefillSettings } from "./prefill.ts"
import { reusablePrefix } from "./reusable-prefix.ts"
import { makeSampler } from "./sampler.ts"
import { makeStopStrings } from "../text/stop-strings.ts"
import type { CrossMemory } from "./decoder.ts"

/** How an answer is made; what is absent follows the model's defaults. */
export interface AskOptions {
  /** Tokens of the answer at the most. */
  readonly maxTokens?: number
  /** 0: always the likeliest token. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  /** Above 1 makes tokens that stand in the prompt or the answer less likely. */
  readonly repeatPenalty?: number
  /** The same seed gives the same answer. */
  readonly seed?: number
  /** The answer ends before any of these. */
  readonly stop?: ReadonlyArray<string>
  /** Sees the logits [vocabulary] that chose each token, and the token. They are overwritten by the next step. */
  readonly onLogits?: (logits: Float32Array, token: number) => void
}

/** What an answer cost. */
export interface Usage {
  /** Rows of the prompt. */
  readonly inputTokens: number
  /** Of these, rows whose cells were kept from an earlier turn. */
  readonly cacheReadTokens: number
  readonly outputTokens: number
  /** Rows of text and of each modality. */
  readonly rows: Readonly<Record<string, number>>
}

/** Why an answer ended: a stop token or stop string, or its bound on tokens. */
export type FinishReason = "stop" | "length"

/** What happens while a question is answered, in order: one plan, progress, text, one finish. */
export type AskEvent =
  | { readonly type: "plan"; readonly plan: PlanSummary }
  | { readonly type: "progress"; readonly stage: "encode" | "prefill"; readonly rows: number; readonly totalRows: number }
  | { readonly type: "text-delta"; readonly text: string }
  | { readonly type: "finish"; readonly finishReason: FinishReason; readonly usage: Usage }

/** A cache and what its cells hold: owned by a chat, or by one question. */
export interface HeldCells {
  readonly cache: KvCache.KvCache
  /** Undefined: nothing can be reused. */
  identity: CellIdentity | undefined
  /** Cells of `identity` that are really written. */
  rows: number
  /** Of the media that `identity` names, in the same order: computed once for a conversation. */
  memory: CrossMemory | undefined
}

/** Cells that hold nothing yet. */
export const emptyCells = (model: LoadedModel): Effect.Effect<HeldCells, never, Scope.Scope | Backend> =>
  Effect.map(KvCache.make(model.decoder.shape), (cache): HeldCells => ({ cache, identity: undefined, rows: 0, memory: undefined }))

/** What a session runs with beside the model. */
export interface SessionSettings {
  readonly prefill: PrefillSettings
  readonly encoderCache: EncoderCache
}

/** A prompt's plan with its positions. */
export interface PlannedPrompt {
  readonly plan: PromptPlan
  readonly positions: Positions
  readonly summary: PlanSummary
}

const checkOptions = ({ maxTokens, minP, repeatPenalty, seed, temperature, topK, topP }: AskOptions): Effect.Effect<void, OptionInvalid> => {
  const rules: ReadonlyArray<readonly [string, number | undefined, (value: number) => boolean, string]> = [
    ["maxTokens", maxTokens, (value) => Number.isInteger(value) && value > 0, "a whole number above 0"],
    ["temperature", temperature, (value) => value >= 0 && Number.isFinite(value), "0 or more"],
    ["topK", topK, (value) => Number.isInteger(value) && value >= 0, "a whole number, 0 for all tokens"],
    ["topP", topP, (value) => value > 0 && value <= 1, "above 0, at most 1"],
    ["minP", minP, (value) => value >= 0 && value <= 1, "from 0 to 1"],
    ["repeatPenalty", repeatPenalty, (value) => value > 0 && Number.isFinite(value), "above 0"],
    ["seed", seed, Number.isSafeInteger, "a whole number"]
  ]
  for (const [option, value, good, expected] of rules) {
    if (value !== undefined && !good(value))
      return Effect.fail(new OptionInvalid({ stage: "plan", option, message: `${option} is ${value}; it must be ${expected}` }))
  }
  return Effect.void
}

/** Plans a prompt; one that does not fit is planned all the same, with `fits` false. */
export const plan = (model: LoadedModel, prompt: Prompt, options: AskOptions = {}): Effect.Effect<PlannedPrompt, PlanError> =>
  Effect.gen(function* () {
    yield* checkOptions(options)
    const made = yield* model.family.planner.plan(prompt)
    // Effects of their own, so that the event loop may have its turn between them: each takes milliseconds where there are tens of thousands of rows.
    const positions = yield* Effect.sync(() => model.family.positions.assign(made.layout, 0))
    const rows = made.layout.segments.length === 0 ? 0 : positions.ids.length / positions.axes
    // The default length of an answer shrinks to what is left; a length asked for does not.
    const maxTokens = options.maxTokens ?? Math.max(1, Math.min(model.defaults.maxTokens, model.contextRows - rows))
    const summary = yield* Effect.sync(() => planSummary(model, made, positions, maxTokens))
    return { plan: made, positions, summary }
  })

const overflow = ({ context, maxTokens, rows }: PlanSummary) => {
  const parts = Object.entries(rows)
    .filter(([name]) => name !== "total")
    .map(([name, count]) => `${name} ${count}`)
  return new ContextOverflow({
    stage: "plan",
    rowsNeeded: rows.total + maxTokens,
    rowsLeft: context,
    message: `the prompt takes ${rows.total} rows (${parts.join(", ")}) and its answer up to ${maxTokens}; the context holds ${context}`
  })
}

/** Answers a prompt: plans it, reads it into `held`, and streams the answer. Interrupting at any point frees all but `held`. */
export const answer = (
  model: LoadedModel,
  prompt: Prompt,
  options: AskOptions,
  held: HeldCells,
  settings: SessionSettings
): Stream.Stream<AskEvent, AskError, Backend> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const planned = yield* plan(model, { ...prompt, rowsLeft: model.contextRows }, options)
      const { positions, summary } = planned
      if (!summary.fits) return yield* overflow(summary)
      const made: PromptPlan = { ...planned.plan, media: planned.plan.media.map(settings.encoderCache.through) }
      // The last token of an answer is never read.
      const reach = positions.generateAt + summary.maxTokens - 1
      const wanted = identityOf(made, positions, model.family.attention, reach)
      const kept = held.identity === undefined ? 0 : reusablePrefix(held.identity, held.rows, wanted)
      const { total: rows, ...usageRows } = summary.rows
      const sameMemory = held.identity !== undefined && held.identity.context.memory.join("\n") === wanted.context.memory.join("\n")
      if (!sameMemory) held.memory = undefined
      held.identity = wanted
      held.rows = kept
      const logits = new Float32Array(model.decoder.shape.vocabulary)
      const mostCells = rows + summary.maxTokens
      const reading = prefill({
        family: model.family,
        decoder: model.decoder,
        plan: made,
        positions,
        cache: held.cache,
        kept,
        reach,
        mostCells,
        settings: settings.prefill,
        logits,
        ...(held.memory === undefined ? {} : { memory: held.memory })
      }).pipe(
        Stream.flatMap((progress) => {
          held.rows = progress.rows
          held.memory = progress.memory
          const events: Array<AskEvent> = []
          if (progress.totalMediaRows > 0) events.push({ type: "progress", stage: "encode", rows: progress.mediaRows, totalRows: progress.totalMediaRows })
          events.push({ type: "progress", stage: "prefill", rows: progress.rows, totalRows: progress.totalRows })
          return Stream.fromIterable(events)
        })
      )
      const writing = Stream.suspend(() =>
        generate(
          model,
          options,
          held,
          logits,
          {
            family: model.family,
            decoder: model.decoder,
            cache: held.cache,
            rows,
            generateAt: positions.generateAt,
            reach,
            mostCells,
            adapter: made.adapter,
            cross: made.cross,
            memory: held.memory
          },
          summary.maxTokens,
          { inputTokens: rows, cacheReadTokens: kept, rows: usageRows }
        )
      )
      return Stream.make<[AskEvent]>({ type: "plan", plan: summary }).pipe(Stream.concat(reading), Stream.concat(writing))
    })
  )

/** The answer's events from the logits of the prompt's last row on. */
const generate = (
  model: LoadedModel,
  options: AskOptions,
  held: HeldCells,
  logits: Float32Array,
  generation: Generation,
  maxTokens: number,
  usage: Omit<Usage, "outputTokens">
): Stream.Stream<AskEvent, AskError> => {
  const { defaults } = model
  const sampler = makeSampler({
    temperature: options.temperature ?? defaults.temperature,
    topK: options.topK ?? defaults.topK,
    topP: options.topP ?? defaults.topP,
    minP: options.minP ?? defaults.minP,
    repeatPenalty: options.repeatPenalty ?? defaults.repeatPenalty,
    ...(options.seed === undefined ? {} : { seed: options.seed })
  })
  const text = model.textStream()
  const stops = makeStopStrings(options.stop ?? [])
  const before = held.identity
  const history = before === undefined ? [] : Array.from(before.table.item).filter((_, row) => before.table.media[row] === -1)
  const written: Array<number> = []
  let count = 0
  const delta = (chunk: string): ReadonlyArray<AskEvent> => (chunk === "" ? [] : [{ type: "text-delta", text: chunk }])
  const finish = (finishReason: FinishReason, events: ReadonlyArray<AskEvent>): readonly [ReadonlyArray<AskEvent>, Option.Option<number | undefined>] => {
    // The cells after the answer: what was read of it stands at generateAt and on.
    if (before !== undefined) {
      held.identity = afterAnswer(before, Int32Array.from(written))
      held.rows = generation.rows + written.length
    }
    return [[...events, { type: "finish", finishReason, usage: { ...usage, outputTokens: count } }], Option.none()]
  }
  // State: the token chosen last, which is not read yet; none before the first.
  return Stream.paginate<number | undefined, AskEvent, AskError>(undefined, (last) =>
    Effect.gen(function* () {
      if (last !== undefined) {
        yield* readToken(generation, written.length, last, logits)
        written.push(last)
      }
      const token = yield* sampler.next(logits, history).pipe(Effect.tapError(() => Effect.sync(() => held.cache.clearFrom(held.rows))))
      count++
      options.onLogits?.(logits, token)
      if (model.stopTokens.has(token)) return finish("stop", delta(stops.push(text.end()).text + stops.end()))
      history.push(token)
      const passed = stops.push(text.push(token))
      if (passed.stopped) return finish("stop", delta(passed.text))
      if (count === maxTokens) {
        const rest = stops.push(text.end())
        return finish(rest.stopped ? "stop" : "length", delta(passed.text + rest.text + (rest.stopped ? "" : stops.end())))
      }
      return [delta(passed.text), Option.some(token)]
    })
  )
}
