import { Effect, Stream } from "effect"
import type { Graph } from "../../backend/backend.ts"
import { convolvedRows, pooledRows } from "../../compile/blocks/whisper-rows.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"

/** Mel frames behind the last sample that the last convolved row hears: two convolutions of three, the second of stride 2. */
export const BEYOND = 2

/** Blocks side by side, [bins, frames of all]. */
const sideBySide = (blocks: ReadonlyArray<FeatureBlock>): FeatureBlock => {
  const bins = blocks[0]?.shape[0] ?? 0
  const frames = blocks.reduce((sum, { shape }) => sum + shape[1], 0)
  const data = new Float32Array(bins * frames)
  let from = 0
  for (const {
    data: block,
    shape: [, count]
  } of blocks) {
    for (let bin = 0; bin < bins; bin++) data.set(block.subarray(bin * count, (bin + 1) * count), bin * frames + from)
    from += count
  }
  return { shape: [bins, frames], data }
}

/** Over the graph `audio`: one window's mel, what lies beyond its end last, to embeddings [rows, width]. */
const encodeWindow = (graph: Graph, width: number, blocks: ReadonlyArray<FeatureBlock>): Effect.Effect<Float32Array, BackendFailure> =>
  Effect.gen(function* () {
    const frames = blocks.reduce((sum, { beyond, shape }) => (beyond === true ? sum : sum + shape[1]), 0)
    const rows = pooledRows(frames)
    const embeddings = new Float32Array(rows * width)
    if (rows === 0) return embeddings
    const {
      data,
      shape: [bins, all]
    } = sideBySide(blocks)
    const convolved = convolvedRows(frames)
    yield* graph.run(
      {
        mel: float32([1, bins, all], data),
        positions: int64(
          [convolved],
          Array.from({ length: convolved }, (_, row) => row)
        )
      },
      { embeddings: float32([rows, width], embeddings) }
    )
    return embeddings
  })

/** Mel to embedding chunks, one window of the extractor a run; a block marked `beyond` ends a window. */
export const encodeSound = (graph: Graph, features: Stream.Stream<FeatureBlock, EncodeError>, plan: MediaPlan): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.suspend(() => {
    let from = 0
    let window: Array<FeatureBlock> = []
    const close = Effect.suspend(() => {
      const blocks = window
      window = []
      return Effect.map(encodeWindow(graph, plan.width, blocks), (data): ReadonlyArray<EmbeddingChunk> => {
        const rows = data.length / plan.width
        from += rows
        return rows === 0 ? [] : [{ plan, from: from - rows, rows, data, levels: [] }]
      })
    })
    const windows = features.pipe(
      Stream.rechunk(1),
      Stream.mapEffect((block) =>
        Effect.suspend(() => {
          window.push(block)
          return block.beyond === true ? close : Effect.succeed<ReadonlyArray<EmbeddingChunk>>([])
        })
      )
    )
    return Stream.concat(
      windows,
      Stream.fromEffect(Effect.suspend(() => (window.length > 0 ? close : Effect.succeed<ReadonlyArray<EmbeddingChunk>>([]))))
    ).pipe(Stream.flatMap((chunks) => Stream.fromIterable(chunks).pipe(Stream.rechunk(1))))
  })
