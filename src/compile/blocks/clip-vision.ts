import { add, concat, pad, reshape, slice } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { mapGrid } from "./grid-map.ts"
import { layer } from "./normalization.ts"
import { patchEmbedding, visionStates } from "./vision-transformer.ts"
import { type VisionTowerConfig, visionTowerConfig, type VisionTowerDefaults, visionTowerLayers } from "./vision-tower-config.ts"

/** Of transformers' `CLIPVisionConfig`. */
export const clipDefaults: VisionTowerDefaults = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 32
}

/** `vision_config` of a CLIP encoder. */
export const clipConfig = (defaults: VisionTowerDefaults) => visionTowerConfig(defaults, { activation: "quick_gelu", epsilon: 1e-5 })

/** A CLIP encoder's configuration, read. */
export type ClipConfig = VisionTowerConfig

/** Weights of `mapGrid` that bring the learned positions [patches across, patches across] to another grid: [height, across] and [width, across]. */
export interface PositionMap {
  readonly rows: Value
  readonly columns: Value
}

/**
 * `pixels` [tiles, 3, height, width] to hidden rows after so many layers as `after` says, each [tiles, 1 + patches, width]: the class token first, then the
 * patches row by row (transformers `CLIPVisionTransformer`, before the norm behind the last layer). `weights`: holds `embeddings`, `pre_layrnorm` and `encoder`.
 * `positions`: where pictures are not of the configuration's size (thunlp's `AdaptCLIPVisionEmbeddings`).
 */
export const clipStates = (
  pixels: Value,
  weights: Weights,
  config: ClipConfig,
  after: ReadonlyArray<number>,
  positions?: PositionMap
): ReadonlyArray<Value> => {
  const { hidden_size: width, image_size, layer_norm_eps, num_channels: channels, patch_size: patchSize } = config
  const across = Math.floor(image_size / patchSize)
  const embeddings = weights.at("embeddings")
  const patches = patchEmbedding(pixels, embeddings, { width, channels, patchSize, bias: false })
  const table = embeddings.tensor("position_embedding.weight", [1 + across ** 2, width])
  const first = add(reshape(embeddings.tensor("class_embedding", [width]), [1, width]), slice(table, { axis: 0, from: 0, to: 1 }))
  const learned = slice(table, { axis: 0, from: 1, to: Number.MAX_SAFE_INTEGER })
  const placed =
    positions === undefined ? learned : reshape(mapGrid(reshape(learned, [1, across, across, width]), positions.rows, positions.columns, width), [-1, width])
  // An empty row in front of the patches takes the class token, which has its position already.
  const rows = add(pad(patches, [0, 1, 0, 0, 0, 0]), concat([first, placed], 0))
  return visionStates(layer(rows, weights, "pre_layrnorm", width, layer_norm_eps), weights.at("encoder"), visionTowerLayers(config), after)
}
