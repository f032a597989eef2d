import { activations, twoLayer } from "../../compile/blocks/feed-forward.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import type { RotaryVisionSpec } from "../../compile/blocks/rotary-vision.ts"
import type { Qwen3VlConfig } from "./config.ts"

/** The encoder: learned positions interpolated to the grid, rows for deepstack after some layers (`Qwen3VLVisionModel`). */
export const visionSpec = (config: Qwen3VlConfig["vision_config"]): RotaryVisionSpec => {
  const { deepstack_visual_indexes: deepstack, hidden_size: width } = config
  return {
    width,
    depth: config.depth,
    heads: config.num_heads,
    channels: config.in_channels,
    temporalPatchSize: config.temporal_patch_size,
    patchSize: config.patch_size,
    patchBias: true,
    merge: config.spatial_merge_size,
    qkv: "fused",
    norm: (x, weights, name, numbers) => layer(x, weights, name, numbers, 1e-6),
    feedForward: (x, weights) => twoLayer(x, weights, ["linear_fc1", "linear_fc2"], width, config.intermediate_size, width, activations[config.hidden_act]),
    positionSide: Math.sqrt(config.num_position_embeddings),
    // Levels come in the layers' order, whatever the list's; each keeps the merger at its place in the list.
    levels: [...new Set(deepstack)].sort((a, b) => a - b).map((at) => ({ layer: at, merger: `deepstack_merger_list.${deepstack.indexOf(at)}` }))
  }
}
