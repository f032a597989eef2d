import { add } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { layer } from "./normalization.ts"
import { patchEmbedding, visionStates } from "./vision-transformer.ts"
import { type VisionTowerConfig, visionTowerConfig, type VisionTowerDefaults, visionTowerLayers } from "./vision-tower-config.ts"

/** Of transformers' `SiglipVisionConfig`. */
export const siglipDefaults: VisionTowerDefaults = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 16
}

/** `vision_config` of a SigLIP encoder. */
export const siglipConfig = (defaults: VisionTowerDefaults) => visionTowerConfig(defaults, { activation: "gelu_pytorch_tanh", epsilon: 1e-6 })

/** A SigLIP encoder's configuration, read. */
export type SiglipConfig = VisionTowerConfig

/** Patches along a side of a picture. */
export const patchesAcross = ({ image_size, patch_size }: SiglipConfig): number => Math.floor(image_size / patch_size)

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
    visionTowerLayers(config),
    after
  )
}

/** All layers, then the norm: [tiles, patches, width]. `weights`: holds `post_layernorm` as well. */
export const siglipVision = (pixels: Value, weights: Weights, config: SiglipConfig, use: SiglipUse = {}): Value =>
  layer(siglipStates(pixels, weights, config, [config.num_hidden_layers], use)[0], weights, "post_layernorm", config.hidden_size, config.layer_norm_eps)
