import { activations, twoLayer } from "../../compile/blocks/feed-forward.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import type { RotaryVisionSpec } from "../../compile/blocks/rotary-vision.ts"
import type { Qwen2VlConfig } from "./config.ts"

/** The encoder: full attention in every layer, layer norms, a plain feed-forward (`Qwen2VisionTransformerPretrainedModel`). */
export const visionSpec = (config: Qwen2VlConfig["vision_config"]): RotaryVisionSpec => {
  const { embed_dim: width } = config
  return {
    width,
    depth: config.depth,
    heads: config.num_heads,
    channels: config.in_channels,
    temporalPatchSize: config.temporal_patch_size,
    patchSize: config.patch_size,
    patchBias: false,
    merge: config.spatial_merge_size,
    qkv: "fused",
    norm: (x, weights, name, numbers) => layer(x, weights, name, numbers, 1e-6),
    feedForward: (x, weights) => twoLayer(x, weights, ["fc1", "fc2"], width, Math.trunc(width * config.mlp_ratio), width, activations[config.hidden_act]),
    levels: []
  }
}
