import { add, conv, multiHeadAttention, reshape, transpose } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { twoLayer } from "./feed-forward.ts"
import { linear } from "./linear.ts"
import { layer } from "./normalization.ts"

/** What a plain vision transformer is made of: queries, keys and values apart, with biases; layer norms before; a two-layer feed-forward (SigLIP, CLIP). */
export interface VisionTransformerSpec {
  /** Numbers in a hidden row. */
  readonly width: number
  readonly heads: number
  /** Width of the feed-forward. */
  readonly inner: number
  readonly epsilon: number
  readonly activation: (x: Value) => Value
}

/**
 * One layer: x [batch, rows, width]. `weights`: the layer's `layer_norm1`, `self_attn`, `layer_norm2`, `mlp` (transformers `SiglipEncoderLayer`,
 * `CLIPEncoderLayer`). `bias`: added to the scores, [batch or 1, 1, rows, rows].
 */
export const visionLayer = (x: Value, weights: Weights, { activation, epsilon, heads, inner, width }: VisionTransformerSpec, bias?: Value): Value => {
  const normed = layer(x, weights, "layer_norm1", width, epsilon)
  const attention = weights.at("self_attn")
  const [queries, keys, values] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, attention, name, width, width, true))
  const mixed = multiHeadAttention(queries, keys, values, { heads, ...(bias === undefined ? {} : { bias }) })
  const middle = add(x, linear(mixed, attention, "out_proj", width, width, true))
  return add(middle, twoLayer(layer(middle, weights, "layer_norm2", width, epsilon), weights.at("mlp"), ["fc1", "fc2"], width, inner, width, activation))
}

/**
 * Hidden rows after so many layers as each entry of `after` says, 0 the embeddings themselves (as `hidden_states` of transformers counts); no layer beyond
 * the last is run. `weights`: holds `layers`.
 */
export const visionStates = (embeddings: Value, weights: Weights, spec: VisionTransformerSpec, after: ReadonlyArray<number>): ReadonlyArray<Value> => {
  const states = [embeddings]
  for (let i = 0; i < Math.max(0, ...after); i++) states.push(visionLayer(states[i], weights.at(`layers.${i}`), spec))
  return after.map((layers) => states[layers])
}

/** How pixels become patches. */
export interface PatchEmbeddingSpec {
  readonly width: number
  readonly channels: number
  /** Pixels along a side of a patch; what is left over at the right and lower edge is dropped. */
  readonly patchSize: number
  readonly bias: boolean
}

/** `pixels` [batch, channels, height, width] to rows [batch, patches, width], row by row. `weights`: holds `patch_embedding`. */
export const patchEmbedding = (pixels: Value, weights: Weights, { bias, channels, patchSize, width }: PatchEmbeddingSpec): Value => {
  const kernel = weights.tensor("patch_embedding.weight", [width, channels, patchSize, patchSize])
  const planes = conv(pixels, kernel, bias ? weights.tensor("patch_embedding.bias", [width]) : undefined, { strides: [patchSize, patchSize] })
  return transpose(reshape(planes, [0, width, -1]), [0, 2, 1])
}
