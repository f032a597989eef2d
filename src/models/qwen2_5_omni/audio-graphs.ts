import { Effect } from "effect"
import { add, averagePool, conv, gather, gelu, multiHeadAttention, reshape, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { twoLayer } from "../../compile/blocks/feed-forward.ts"
import type { Weights } from "../../compile/weights.ts"
import type { OmniConfig } from "./config.ts"
import { convolved } from "./sound-rows.ts"

const EPSILON = 1e-5

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

const audioLayer = (x: Value, weights: Weights, config: OmniConfig["audio_config"]): Value => {
  const { d_model: width, encoder_attention_heads: heads, encoder_ffn_dim: inner } = config
  const normed = layer(x, weights, "self_attn_layer_norm", width, EPSILON)
  const project = (name: string, bias: boolean) => linear(normed, weights.at("self_attn"), name, width, width, bias)
  const mixed = multiHeadAttention(project("q_proj", true), project("k_proj", false), project("v_proj", true), { heads })
  const middle = add(x, linear(mixed, weights.at("self_attn"), "out_proj", width, width, true))
  return add(middle, twoLayer(layer(middle, weights, "final_layer_norm", width, EPSILON), weights, ["fc1", "fc2"], width, inner, width, (value) => gelu(value, "none")))
}

/** Encoder: `mel` [windows, mel bins, frames], windows of one length, to `hidden` [windows, rows, d_model]. Windows do not see each other. */
export const audioEncoder = (graph: GraphBuilder, weights: Weights, config: OmniConfig["audio_config"]): void => {
  const { d_model: width, n_window, num_mel_bins: bins } = config
  const mel = graph.input("mel", "float32", ["windows", bins, "frames"])
  const convolution = (x: Value, name: string, inputs: number, stride: number) =>
    gelu(conv(x, weights.tensor(`${name}.weight`, [width, inputs, 3]), weights.tensor(`${name}.bias`, [width]), { strides: [stride], pads: [1, 1] }), "none")
  const features = transpose(convolution(convolution(mel, "conv1", bins, 1), "conv2", width, 2), [0, 2, 1])
  const most = convolved(2 * n_window)
  const table = graph.weight({ name: `sinusoids.${most}.${width}`, shape: [most, width], load: Effect.sync(() => sinusoids(most, width)) })
  // Row numbers from 0: a window may be the clip's shorter last one.
  let x = add(features, gather(table, graph.input("positions", "int64", ["rows"]), 0))
  for (let i = 0; i < config.encoder_layers; i++) x = audioLayer(x, weights.at(`layers.${i}`), config)
  graph.output("hidden", x)
}

/** Projector: `hidden` [rows, d_model] to `embeddings` [rows / 2, output_dim]: neighbours averaged, norm, one linear layer. */
export const audioProjector = (graph: GraphBuilder, weights: Weights, config: OmniConfig["audio_config"]): void => {
  const { d_model: width } = config
  const hidden = graph.input("hidden", "float32", ["rows", width])
  const pooled = averagePool(transpose(reshape(hidden, [1, -1, width]), [0, 2, 1]), { kernel: [2], strides: [2] })
  const rows = reshape(transpose(pooled, [0, 2, 1]), [-1, width])
  graph.output("embeddings", linear(layer(rows, weights, "ln_post", width, EPSILON), weights, "proj", width, config.output_dim, true))
}
