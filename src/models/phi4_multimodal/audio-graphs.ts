import { add, conv, gather, gelu, mul, multiHeadAttention, relu, reshape, silu, split, sub, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import type { Weights } from "../../compile/weights.ts"
import type { AudioConfig } from "./audio-config.ts"
import type { PhiNames } from "./names.ts"

const EPSILON = 1e-5

/** Frequencies that are left after the halvings. */
const finalBins = ({ input_size, time_reduction }: AudioConfig): number => {
  let bins = input_size
  for (let i = 0; i < Math.log2(time_reduction); i++) bins = Math.floor((bins - 1) / 2) + 1
  return bins
}

/**
 * The graph `audio_rows`: `features` [1, frames, bins] to `rows` [frames / time_reduction, width]: normalized by the training data's mean and deviation, then halved
 * again and again in time and frequency (transformers 5.18 `Phi4MultimodalAudioNemoConvSubsampling`). `weights`: of the encoder.
 */
export const audioRows = (graph: GraphBuilder, weights: Weights, config: AudioConfig): void => {
  const { hidden_size: width, input_size: bins, nemo_conv_channels: channels, time_reduction } = config
  const norm = weights.at("encoder_embedding")
  const features = graph.input("features", "float32", [1, "frames", bins])
  const normalized = mul(sub(features, norm.tensor("global_mean", [bins])), norm.tensor("global_invstd", [bins]))
  const convolution = (x: Value, index: number, inputs: number, kernel: number, stride: number) => {
    const groups = inputs === 1 && index > 0 ? channels : 1
    const w = weights.tensor(`embed.conv.${index}.weight`, [channels, inputs, kernel, kernel])
    return conv(x, w, weights.tensor(`embed.conv.${index}.bias`, [channels]), {
      strides: [stride, stride],
      pads: kernel === 3 ? [1, 1, 1, 1] : [0, 0, 0, 0],
      groups
    })
  }
  let x = relu(convolution(reshape(normalized, [1, 1, -1, bins]), 0, 1, 3, 2))
  for (let i = 1; i < Math.log2(time_reduction); i++) x = relu(convolution(convolution(x, 3 * i - 1, 1, 3, 2), 3 * i, channels, 1, 1))
  graph.output(
    "rows",
    linear(reshape(transpose(x, [0, 2, 1, 3]), [-1, channels * finalBins(config)]), weights, "embed.out", channels * finalBins(config), width, true)
  )
}

/** `Phi4MultimodalAudioMLP`: the first half of the first layer goes up, the second is the gate. */
const feedForward = (x: Value, weights: Weights, { hidden_size: width, intermediate_size: inner }: AudioConfig, { audio }: PhiNames): Value => {
  const [up, gate] = split(linear(layer(x, weights, "layer_norm", width, EPSILON), weights, audio.gateUp, width, 2 * inner, true), {
    axis: 2,
    sizes: [inner, inner]
  })
  return linear(mul(up, silu(gate)), weights, audio.down, inner, width, true)
}

/** A convolution of one step, as a matrix. */
const pointwise = (x: Value, weights: Weights, name: string, inputs: number, outputs: number): Value =>
  add(transpose(conv(transpose(x, [0, 2, 1]), weights.tensor(`${name}.weight`, [outputs, inputs, 1])), [0, 2, 1]), weights.tensor(`${name}.bias`, [outputs]))

/** `Phi4MultimodalAudioConvModule`: a gated layer, a convolution over the rows before, each channel for itself, a layer, an activation, a layer. */
const convolutions = (x: Value, weights: Weights, { depthwise_multiplier, hidden_size: width, kernel_size: kernel }: AudioConfig): Value => {
  const glu = weights.at("glu")
  const [up, gate] = split(pointwise(layer(x, weights, "layer_norm", width, EPSILON), glu, "ext_pw_conv_1d", width, 2 * width), {
    axis: 2,
    sizes: [width, width]
  })
  const biased = (value: Value, name: string) => add(value, reshape(glu.tensor(name, [1, width, 1]), [1, 1, width]))
  const gated = mul(biased(up, "b1"), silu(biased(gate, "b2")))
  const separable = weights.at("dw_sep_conv_1d")
  const channels = width * depthwise_multiplier
  // The reference pads both ends and drops what looked ahead.
  const deep = conv(transpose(gated, [0, 2, 1]), separable.tensor("dw_conv.weight", [channels, 1, kernel]), separable.tensor("dw_conv.bias", [channels]), {
    groups: width,
    pads: [kernel - 1, 0]
  })
  return pointwise(silu(pointwise(transpose(deep, [0, 2, 1]), separable, "pw_conv", channels, width)), weights, "ext_pw_conv_1d", width, width)
}

/** `Phi4MultimodalAudioConformerEncoderLayer`: x [1, rows, width]; `bias` [1, heads, rows, rows]. */
const conformerLayer = (x: Value, weights: Weights, config: AudioConfig, names: PhiNames, bias: Value): Value => {
  const { hidden_size: width, num_attention_heads: heads } = config
  const { attention } = names.audio
  const own = weights.at("self_attn")
  const first = add(x, mul(feedForward(x, weights.at("feed_forward_in"), config, names), 0.5))
  const normed = layer(first, weights, "layer_norm_att", width, EPSILON)
  const project = (name: string) => linear(normed, own, name, width, width, true)
  const mixed = multiHeadAttention(project(attention.q), project(attention.k), project(attention.v), { heads, bias })
  const attended = add(first, linear(mixed, own, attention.out, width, width, true))
  const convolved = add(attended, convolutions(attended, weights.at("conv"), config))
  return layer(add(convolved, mul(feedForward(convolved, weights.at("feed_forward_out"), config, names), 0.5)), weights, "layer_norm", width, EPSILON)
}

/**
 * The graph `audio`: `rows` [rows, width] of one stretch to `speech` and `vision` [rows, outputs], the two projections. `visible` [rows, rows]: 1 where a row looks, 0
 * where not, added to the scores as it is. `distances` [rows, rows]: entries of the table of relative positions.
 */
export const audioEncoder = (graph: GraphBuilder, weights: Weights, config: AudioConfig, names: PhiNames, outputs: number): void => {
  const { bias_max_distance, bias_symmetric, hidden_size: width, num_attention_heads: heads } = config
  const encoder = weights.at("encoder")
  const table = encoder.tensor("relative_attention_bias_layer.bias_values.weight", [bias_symmetric ? bias_max_distance : 2 * bias_max_distance, heads])
  const distances = gather(table, graph.input("distances", "int64", ["rows", "rows"]), 0)
  const bias = add(reshape(transpose(distances, [2, 0, 1]), [1, heads, 0, -1]), graph.input("visible", "float32", ["rows", "rows"]))
  let x = reshape(graph.input("rows", "float32", ["rows", width]), [1, -1, width])
  for (let i = 0; i < config.num_blocks; i++) x = conformerLayer(x, encoder.at(`encoders.${i}`), config, names, bias)
  const hidden = reshape(x, [-1, width])
  for (const projection of ["speech", "vision"] as const) {
    const [up, down] = names.projections[projection]
    graph.output(projection, linear(gelu(linear(hidden, weights, up, width, outputs, true), "none"), weights, down, outputs, outputs, true))
  }
}
