import { add, averagePool, conv, gelu, multiHeadAttention, transpose } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { twoLayer } from "./feed-forward.ts"
import { linear } from "./linear.ts"
import { layer } from "./normalization.ts"

/** What an encoder of sound after Whisper is made of. */
export interface WhisperSpec {
  /** Mel bins. */
  readonly bins: number
  /** Numbers in a hidden row. */
  readonly width: number
  readonly heads: number
  /** Width of the feed-forward. */
  readonly inner: number
}

/** Of its layer norms, which no configuration says. */
export const WHISPER_EPSILON = 1e-5

/** Two convolutions, the second of stride 2: `mel` [windows, bins, frames] to [windows, `convolvedRows(frames)`, width]. `weights`: holds `conv1`, `conv2`. */
export const whisperConvolutions = (mel: Value, weights: Weights, { bins, width }: WhisperSpec): Value => {
  const convolution = (x: Value, name: string, inputs: number, stride: number) =>
    gelu(conv(x, weights.tensor(`${name}.weight`, [width, inputs, 3]), weights.tensor(`${name}.bias`, [width]), { strides: [stride], pads: [1, 1] }), "none")
  return transpose(convolution(convolution(mel, "conv1", bins, 1), "conv2", width, 2), [0, 2, 1])
}

/** One layer: x [windows, rows, width]; windows do not see each other (transformers `WhisperEncoderLayer`: keys have no bias). */
export const whisperLayer = (x: Value, weights: Weights, { heads, inner, width }: WhisperSpec): Value => {
  const normed = layer(x, weights, "self_attn_layer_norm", width, WHISPER_EPSILON)
  const project = (name: string, bias: boolean) => linear(normed, weights.at("self_attn"), name, width, width, bias)
  const mixed = multiHeadAttention(project("q_proj", true), project("k_proj", false), project("v_proj", true), { heads })
  const middle = add(x, linear(mixed, weights.at("self_attn"), "out_proj", width, width, true))
  return add(
    middle,
    twoLayer(layer(middle, weights, "final_layer_norm", width, WHISPER_EPSILON), weights, ["fc1", "fc2"], width, inner, width, (value) => gelu(value, "none"))
  )
}

/** Neighbours averaged, an odd last row left out: [windows, rows, width] to [windows, rows / 2, width]. */
export const averageNeighbours = (x: Value): Value => transpose(averagePool(transpose(x, [0, 2, 1]), { kernel: [2], strides: [2] }), [0, 2, 1])
