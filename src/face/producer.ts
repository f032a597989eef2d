import { Effect, Option, Stream } from "effect"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import { type EmbeddingProducer, make } from "../core/embedding-producer.ts"
import { SourceUnreadable } from "../core/errors.ts"
import type { MediaPlan, Piece } from "../core/media-plan.ts"
import type { Media } from "../core/source.ts"
import type { MediaValue } from "../session/open-prompt.ts"

/** What a value of one's own becomes: its rows, and what the decoder should know of them. */
export interface ValuePlan {
  readonly rows: number
  /** Frames, tiles or windows, in order; their rows add up to `rows`. Default: one piece. */
  readonly pieces?: ReadonlyArray<Piece>
}

/** A producer of one's own, as plain functions. */
export interface ProducerDefinition<Value> {
  readonly modality: string
  /** Numbers in a row as the decoder takes it. */
  readonly width: number
  /** Names the encoder's weights: part of the cache's key. Default: the modality. */
  readonly id?: string
  /** From the value alone; runs no encoder. */
  readonly plan: (value: Value) => ValuePlan
  /** Rows in order, any number at a time: each array holds whole rows of the encoder's width. */
  readonly encode: (value: Value, signal: AbortSignal) => AsyncIterable<Float32Array>
  /** Turns the encoder's rows into the decoder's, where their widths differ. */
  readonly projector?: { readonly width: number; readonly project: (rows: Float32Array) => Float32Array | Promise<Float32Array> }
  /** Names a value's content, so that equal content is encoded once. Default: every value is its own. */
  readonly contentId?: (value: Value) => string
}

/** A producer as a function that makes media values; `producer` takes the place of a family's own in `load`. */
export interface ValueProducer<Value> {
  (value: Value): MediaValue
  readonly producer: EmbeddingProducer<Readonly<Record<string, never>>>
}

class ValueMedia<Value> implements Media {
  readonly modality: string
  readonly name: string
  readonly contentId: string
  readonly options = {}
  readonly tracks = []
  readonly value: Value
  constructor(modality: string, contentId: string, value: Value) {
    this.modality = modality
    this.name = modality
    this.contentId = contentId
    this.value = value
  }
}

let values = 0
const identities = new WeakMap<object, string>()

/** An object is itself wherever it is given again; anything else is new each time. */
const identityOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return `value ${values++}`
  const known = identities.get(value) ?? `value ${values++}`
  identities.set(value, known)
  return known
}

const failure = (modality: string) => (error: unknown) =>
  error instanceof SourceUnreadable
    ? error
    : new SourceUnreadable({
        stage: "encode",
        source: modality,
        message: `${modality}: ${error instanceof Error ? error.message : String(error)}`
      })

/** An encoder's rows as chunks of the decoder's width. */
const chunks = <Value>(definition: ProducerDefinition<Value>, value: Value, plan: MediaPlan): Stream.Stream<EmbeddingChunk, SourceUnreadable> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const stop = new AbortController()
      yield* Effect.addFinalizer(() => Effect.sync(() => stop.abort()))
      const { projector, width } = definition
      const own = projector?.width ?? width
      let from = 0
      return Stream.fromAsyncIterable(definition.encode(value, stop.signal), failure(plan.modality)).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((rows) =>
          Effect.gen(function* () {
            if (rows.length % own !== 0) return yield* failure(plan.modality)(new Error(`${rows.length} numbers are not whole rows of ${own}`))
            const data = projector === undefined ? rows : yield* Effect.tryPromise({ try: async () => projector.project(rows), catch: failure(plan.modality) })
            const count = rows.length / own
            if (data.length !== count * width)
              return yield* failure(plan.modality)(new Error(`the projector made ${data.length} numbers of ${count} rows, not rows of ${width}`))
            const chunk: EmbeddingChunk = { plan, from, rows: count, data, levels: [] }
            from += count
            return chunk
          })
        )
      )
    })
  )

/**
 * A modality of one's own, or another encoder for one that is there. Its rows stand among the text without markers, one position a row,
 * unless the model's family knows the modality.
 */
export const producer = <Value>(definition: ProducerDefinition<Value>): ValueProducer<Value> => {
  const { modality, width } = definition
  const own = make<Media, Readonly<Record<string, never>>, MediaPlan>({
    modality,
    width,
    id: definition.id ?? modality,
    accepts: (media) => (media.modality === modality ? Option.some(media) : Option.none()),
    plan: (media, _settings, common) =>
      Effect.try({
        try: (): MediaPlan => {
          const { pieces, rows } = definition.plan(valueOf(media))
          return { ...common, form: "rows", levels: 0, rows, pieces: pieces ?? [{ rows }] }
        },
        catch: failure(modality)
      }),
    encode: (media, plan) => chunks(definition, valueOf(media), plan)
  })
  const value = (given: Value): MediaValue => {
    const media = new ValueMedia(modality, definition.contentId?.(given) ?? identityOf(given), given)
    return { _tag: "Rows", kept: false, parts: Effect.map(own.plan(media, 0, {}), (planned) => [[planned]]) }
  }
  return Object.assign(value, { producer: own })
}

/** The value that a medium carries, or the medium itself where a producer stands in for a family's own. */
const valueOf = <Value>(media: Media): Value => (media instanceof ValueMedia ? media.value : media) as Value
