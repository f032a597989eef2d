import { Schema } from "effect"
import { int, number, text } from "../../checkpoint/config-fields.ts"
import { add } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { activations } from "./feed-forward.ts"
import { layer } from "./normalization.ts"
import { patchEmbedding, visionStates, type VisionTransformerSpec } from "./vision-transformer.ts"

/** What a SigLIP encoder's configuration means where config.json does not say. */
export interface SiglipDefaults {
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly image_size: number
  readonly patch_size: number
}

/** Of transformers' `SiglipVisionConfig`. */
export const siglipDefaults: SiglipDefaults = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 16
}

/** `vision_config` of a SigLIP encoder. */
export const siglipConfig = (defaults: SiglipDefaults) =>
  Schema.Struct({
    hidden_size: int(defaults.hidden_size),
    intermediate_size: int(defaults.intermediate_size),
    num_hidden_layers: int(defaults.num_hidden_layers),
    num_attention_heads: int(defaults.num_attention_heads),
    num_channels: int(3).check(Schema.makeFilter((channels) => channels === 3 || "3 channels are read")),
    image_size: int(defaults.image_size),
    patch_size: int(defaults.patch_size),
    hidden_act: text("gelu_pytorch_tanh").check(Schema.makeFilter((name) => name in activations || `${name} is no activation that is known here`)),
    layer_norm_eps: number(1e-6)
  }).check(
    Schema.makeFilter(({ hidden_size, image_size, num_attention_heads, patch_size }) =>
      patch_size < 1 || image_size < patch_size
        ? `image_size is ${image_size}, patch_size ${patch_size}`
        : num_attention_heads < 1 || hidden_size % num_attention_heads !== 0
          ? `hidden_size ${hidden_size} is no multiple of ${num_attention_heads} heads`
          : true
    )
  )

/** A SigLIP encoder's configuration, read. */
export type SiglipConfig = ReturnType<typeof siglipConfig>["Type"]

/** Patches along a side of a picture. */
export const patchesAcross = ({ image_size, patch_size }: SiglipConfig): number => Math.floor(image_size / patch_size)

/** The layers' form. */
export const siglipLayers = (config: SiglipConfig): VisionTransformerSpec => ({
  width: config.hidden_size,
  heads: config.num_attention_heads,
  inner: config.intermediate_size,
  epsilon: config.layer_norm_eps,
  activation: activations[config.hidden_act]
})

/** How a SigLIP encoder is used. */
export interface SiglipUse {
  /** Which learned position each patch has, where that is not its own number: [patches]. */
  readonly positions?: ReadonlyArray<number>
}

/**
 * `pixels` [tiles, 3, side, side] to hidden rows after so many layers as each entry of `after` says, each [tiles, patches, width], before the last norm. `weights`: holds
 * `embeddings` and `encoder` (transformers `SiglipVisionTransformer`).
 */
export const siglipStates = (
  pixels: Value,
  weights: Weights,
  config: SiglipConfig,
  after: ReadonlyArray<number>,
  { positions }: SiglipUse = {}
): ReadonlyArray<Value> => {
  const { hidden_size: width, num_channels: channels, patch_size: patchSize } = config
  const patches = patchesAcross(config) ** 2
  const embeddings = weights.at("embeddings")
  // Positions that are patches' own numbers need no second table.
  const table = embeddings.tensor(
    "position_embedding.weight",
    [patches, width],
    positions === undefined || positions.every((position, i) => position === i)
      ? {}
      : {
          name: "placed",
          make: (stored) => Float32Array.from(stored, (_, i) => stored[positions[Math.floor(i / width)] * width + (i % width)])
        }
  )
  return visionStates(
    add(patchEmbedding(pixels, embeddings, { width, channels, patchSize, bias: true }), table),
    weights.at("encoder"),
    siglipLayers(config),
    after
  )
}

/** All layers, then the norm: [tiles, patches, width]. `weights`: holds `post_layernorm` as well. */
export const siglipVision = (pixels: Value, weights: Weights, config: SiglipConfig, use: SiglipUse = {}): Value =>
  layer(siglipStates(pixels, weights, config, [config.num_hidden_layers], use)[0], weights, "post_layernorm", config.hidden_size, config.layer_norm_eps)
