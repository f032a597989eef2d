import { Effect } from "effect"
import { add, gather, reshape } from "../../onnx/ops.ts"
import type { GraphBuilder } from "../../onnx/graph-builder.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { averageNeighbours, WHISPER_EPSILON, whisperConvolutions, whisperLayer, type WhisperSpec } from "../../compile/blocks/whisper-encoder.ts"
import { convolvedRows } from "../../compile/blocks/whisper-rows.ts"
import type { Weights } from "../../compile/weights.ts"
import type { OmniConfig } from "./config.ts"

/** Whisper's fixed positions, [rows, width]: sines, then cosines (transformers `SinusoidsPositionEmbedding`, float32). */
export const sinusoids = (rows: number, width: number): Float32Array => {
  const half = width / 2
  const increment = Math.log(10000) / (half - 1)
  const out = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(row * Math.fround(Math.exp(Math.fround(-increment * i))))
      out[row * width + i] = Math.sin(angle)
      out[row * width + half + i] = Math.cos(angle)
    }
  }
  return out
}

const spec = ({ d_model, encoder_attention_heads, encoder_ffn_dim, num_mel_bins }: OmniConfig["audio_config"]): WhisperSpec => ({
  bins: num_mel_bins,
  width: d_model,
  heads: encoder_attention_heads,
  inner: encoder_ffn_dim
})

/** Encoder: `mel` [windows, mel bins, frames], windows of one length, to `hidden` [windows, rows, d_model]. Windows do not see each other. */
export const audioEncoder = (graph: GraphBuilder, weights: Weights, config: OmniConfig["audio_config"]): void => {
  const { d_model: width, n_window, num_mel_bins: bins } = config
  const mel = graph.input("mel", "float32", ["windows", bins, "frames"])
  const features = whisperConvolutions(mel, weights, spec(config))
  const most = convolvedRows(2 * n_window)
  const table = graph.weight({ name: `sinusoids.${most}.${width}`, shape: [most, width], load: Effect.sync(() => sinusoids(most, width)) })
  // Row numbers from 0: a window may be the clip's shorter last one.
  let x = add(features, gather(table, graph.input("positions", "int64", ["rows"]), 0))
  for (let i = 0; i < config.encoder_layers; i++) x = whisperLayer(x, weights.at(`layers.${i}`), spec(config))
  graph.output("hidden", x)
}

/** Projector: `hidden` [rows, d_model] to `embeddings` [rows / 2, output_dim]: neighbours averaged, norm, one linear layer. */
export const audioProjector = (graph: GraphBuilder, weights: Weights, config: OmniConfig["audio_config"]): void => {
  const { d_model: width } = config
  const hidden = graph.input("hidden", "float32", ["rows", width])
  const rows = reshape(averageNeighbours(reshape(hidden, [1, -1, width])), [-1, width])
  graph.output("embeddings", linear(layer(rows, weights, "ln_post", width, WHISPER_EPSILON), weights, "proj", width, config.output_dim, true))
}
