import { concatenated } from "../../tensor/concatenated.ts"
import { Effect, Stream } from "effect"
import type { Graph } from "../../backend/backend.ts"
import { convolvedRows } from "../../compile/blocks/whisper-rows.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import type { OmniConfig } from "./config.ts"

/** Windows of a run of the encoder at the most. */
export const WINDOWS_A_RUN = 8

/** The encoder of sound over its two graphs. */
export interface AudioEncoder {
  /** Mel frames of one window. */
  readonly windowFrames: number
  /** `windows` windows of `frames` mel frames each, [windows, bins, frames], to hidden rows [windows x rows, d_model]. */
  readonly hidden: (mel: Float32Array, windows: number, frames: number) => Effect.Effect<Float32Array, BackendFailure>
  /** Hidden rows to embeddings; an odd last row is left out. */
  readonly project: (hidden: Float32Array) => Effect.Effect<Float32Array, BackendFailure>
  readonly hiddenWidth: number
}

/** Over the graphs `audio` and `audio_projector`. */
export const audioEncoder = (config: OmniConfig["audio_config"], graphs: { readonly encoder: Graph; readonly projector: Graph }): AudioEncoder => {
  const { d_model: width, n_window, num_mel_bins: bins, output_dim } = config
  return {
    windowFrames: 2 * n_window,
    hiddenWidth: width,
    hidden: (mel, windows, frames) =>
      Effect.gen(function* () {
        const rows = convolvedRows(frames)
        const hidden = new Float32Array(windows * rows * width)
        yield* graphs.encoder.run(
          {
            mel: float32([windows, bins, frames], mel),
            positions: int64(
              [rows],
              Array.from({ length: rows }, (_, row) => row)
            )
          },
          { hidden: float32([windows, rows, width], hidden) }
        )
        return hidden
      }),
    project: (hidden) =>
      Effect.gen(function* () {
        const rows = hidden.length / width
        const embeddings = new Float32Array(Math.floor(rows / 2) * output_dim)
        if (embeddings.length > 0)
          yield* graphs.projector.run({ hidden: float32([rows, width], hidden) }, { embeddings: float32([Math.floor(rows / 2), output_dim], embeddings) })
        return embeddings
      })
  }
}

/** Stretches of [bins, frames] side by side, cut into windows: [windows, bins, window frames], the clip's last one shorter and alone. */
const cutWindows = (
  blocks: ReadonlyArray<FeatureBlock>,
  window: number
): ReadonlyArray<{ readonly mel: Float32Array; readonly windows: number; readonly frames: number }> => {
  const frames = blocks.reduce((sum, { shape }) => sum + shape[1], 0)
  const bins = blocks[0]?.shape[0] ?? 0
  const full = Math.floor(frames / window)
  const [whole, rest] = [new Float32Array(full * bins * window), new Float32Array(bins * (frames - full * window))]
  let start = 0
  for (const {
    data,
    shape: [, count]
  } of blocks) {
    for (let i = 0; i < count; i++) {
      const [at, within] = [Math.floor((start + i) / window), (start + i) % window]
      const [into, offset, stride] = at < full ? [whole, at * bins * window, window] : [rest, 0, frames - full * window]
      for (let bin = 0; bin < bins; bin++) into[offset + bin * stride + within] = data[bin * count + i]
    }
    start += count
  }
  return [
    ...(full > 0 ? [{ mel: whole, windows: full, frames: window }] : []),
    ...(rest.length > 0 ? [{ mel: rest, windows: 1, frames: frames - full * window }] : [])
  ]
}

/** A block cut where windows end, so that no run takes more than WINDOWS_A_RUN of them. */
const cutBlock = ({ data, shape: [bins, frames] }: FeatureBlock, most: number): ReadonlyArray<FeatureBlock> =>
  Array.from({ length: Math.ceil(frames / most) }, (_, i): FeatureBlock => {
    const [from, to] = [i * most, Math.min(frames, (i + 1) * most)]
    const part = new Float32Array(bins * (to - from))
    for (let bin = 0; bin < bins; bin++) part.set(data.subarray(bin * frames + from, bin * frames + to), bin * (to - from))
    return { shape: [bins, to - from], data: part }
  })

/**
 * Mel (blocks cut where windows end; a block shorter than a window ends a recording, or one of its long windows) to embedding chunks,
 * one run of the encoder a pull. A window with an odd number of rows shares its last with the next one's first.
 */
export const encodeAudio = (
  encoder: AudioEncoder,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan
): Stream.Stream<EmbeddingChunk, EncodeError> => {
  const { hiddenWidth, windowFrames } = encoder
  return Stream.suspend(() => {
    let from = 0
    let carried = new Float32Array(0)
    return features.pipe(
      Stream.rechunk(1),
      Stream.flatMap((block) => Stream.fromIterable(cutBlock(block, windowFrames * WINDOWS_A_RUN)).pipe(Stream.rechunk(1))),
      Stream.mapEffect((block) =>
        Effect.gen(function* () {
          const parts: Array<Float32Array> = [carried]
          for (const { frames, mel, windows } of cutWindows([block], windowFrames)) parts.push(yield* encoder.hidden(mel, windows, frames))
          const hidden = concatenated(parts)
          const rows = Math.floor(hidden.length / hiddenWidth / 2) * 2
          carried = hidden.slice(rows * hiddenWidth)
          const data = yield* encoder.project(hidden.subarray(0, rows * hiddenWidth))
          const chunk: EmbeddingChunk = { plan, from, rows: rows / 2, data, levels: [] }
          from += rows / 2
          return chunk
        })
      ),
      Stream.filter(({ rows }) => rows > 0)
    )
  })
}
