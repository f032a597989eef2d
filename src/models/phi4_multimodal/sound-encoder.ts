import { Effect, Stream } from "effect"
import type { Graph } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64, type Tensor } from "../../tensor/tensor.ts"
import type { AudioConfig } from "./audio-config.ts"
import type { Projection } from "./names.ts"
import { relativeDistances, visibleRows } from "./sound-attention.ts"

/** Rows that the encoder looks at together; longer sound is encoded stretch by stretch, the last filled up with empty rows. */
export const STRETCH = 500

/** Rows of a run of the convolutions at the most: they need hundreds of times the memory of their frames. */
const ROWS_A_RUN = 64

/** `audio_rows` and `audio` of `audio-graphs.ts`. */
export interface SoundGraphs {
  readonly rows: Graph
  readonly encoder: Graph
}

/** Embeddings of so many frames. */
export const soundRows = (frames: number, { time_reduction }: AudioConfig): number => Math.ceil(frames / time_reduction)

/** Frames [frames, bins] to encoder rows; `before`: 1 where the frames of one row stand in front that belong to an earlier stretch. Cut into runs that overlap by what a row hears before it. */
const rowsOf = (graph: Graph, config: AudioConfig, frames: Float32Array, before: number): Effect.Effect<Float32Array, BackendFailure> =>
  Effect.gen(function* () {
    const { hidden_size: width, input_size: bins, time_reduction: each } = config
    const count = frames.length / bins
    const rows = soundRows(count, config) - before
    const out = new Float32Array(rows * width)
    for (let row = 0; row < rows; row += ROWS_A_RUN) {
      const end = Math.min(rows, row + ROWS_A_RUN)
      const first = Math.max(0, before + row - 1)
      const part = frames.slice(first * each * bins, Math.min(count, (before + end) * each) * bins)
      const made = new Float32Array(soundRows(part.length / bins, config) * width)
      yield* graph.run({ features: float32([1, part.length / bins, bins], part) }, { rows: float32([made.length / width, width], made) })
      out.set(made.subarray((before + row - first) * width), row * width)
    }
    return out
  })

/** The tables of a stretch of `rows` rows; they are large, and nearly always the same. */
const makeTables = (config: AudioConfig) => {
  let last: { readonly rows: number; readonly distances: Tensor; readonly visible: Tensor } | undefined
  return (rows: number) => {
    if (last?.rows !== rows)
      last = { rows, distances: int64([rows, rows], relativeDistances(rows, config)), visible: float32([rows, rows], visibleRows(rows, config)) }
    return last
  }
}

/** Frames to embedding chunks, one stretch a pull. */
export const soundEncoder = (
  graphs: SoundGraphs,
  config: AudioConfig
): ((features: Stream.Stream<FeatureBlock, EncodeError>, plan: MediaPlan, projection: Projection) => Stream.Stream<EmbeddingChunk, EncodeError>) => {
  const { hidden_size: width, input_size: bins, time_reduction: each } = config
  const tables = makeTables(config)
  return (features, plan, projection) =>
    Stream.suspend(() => {
      // One row's frames of the stretch before, then this stretch's.
      const buffer = new Float32Array((STRETCH + 1) * each * bins)
      let [filled, before, from] = [0, 0, 0]
      const encode = Effect.gen(function* () {
        const rows = yield* rowsOf(graphs.rows, config, buffer.slice(0, filled), before)
        const count = rows.length / width
        const padded = before === 0 ? count : STRETCH
        const stretch = new Float32Array(padded * width)
        stretch.set(rows)
        const { distances, visible } = tables(padded)
        const data = new Float32Array(padded * plan.width)
        yield* graphs.encoder.run({ rows: float32([padded, width], stretch), distances, visible }, { [projection]: float32([padded, plan.width], data) })
        buffer.copyWithin(0, Math.max(0, filled - each * bins), filled)
        ;[filled, before] = [Math.min(filled, each * bins), 1]
        const chunk: EmbeddingChunk = { plan, from, rows: count, data: data.subarray(0, count * plan.width), levels: [] }
        from += count
        return chunk
      })
      const push = Effect.fnUntraced(function* ({ data }: FeatureBlock) {
        const chunks: Array<EmbeddingChunk> = []
        for (let at = 0; at < data.length;) {
          const part = data.subarray(at, at + (STRETCH + before) * each * bins - filled)
          buffer.set(part, filled)
          filled += part.length
          at += part.length
          if (filled === (STRETCH + before) * each * bins) chunks.push(yield* encode)
        }
        return chunks
      })
      const rest = Stream.unwrap(
        Effect.suspend(() => (filled > before * each * bins ? Effect.map(encode, (chunk) => Stream.make(chunk)) : Effect.succeed(Stream.empty)))
      )
      return Stream.concat(
        features.pipe(
          Stream.rechunk(1),
          Stream.mapEffect(push),
          Stream.flatMap((chunks) => Stream.fromIterable(chunks).pipe(Stream.rechunk(1)))
        ),
        rest
      )
    })
}
