import { Schema } from "effect"
import { int, ints, number } from "../../checkpoint/config-fields.ts"
import { silu } from "../../onnx/ops.ts"
import type { GraphSource } from "../compile.ts"
import { gated } from "./feed-forward.ts"
import { rms } from "./normalization.ts"
import { rotaryVisionGraphs, type RotaryVisionSpec } from "./rotary-vision.ts"

/** `vision_config` of the encoder that Qwen2.5-VL and Qwen2.5-Omni share; defaults are those of transformers' Qwen2_5_VLVisionConfig. */
export const WindowedVisionConfig = Schema.Struct({
  depth: int(32),
  hidden_size: int(3584),
  hidden_act: Schema.optional(Schema.Literal("silu")),
  intermediate_size: int(3420),
  num_heads: int(16),
  in_channels: int(3),
  patch_size: int(14),
  spatial_merge_size: int(2),
  temporal_patch_size: int(2),
  window_size: int(112),
  out_hidden_size: int(3584),
  fullatt_block_indexes: ints(7, 15, 23, 31),
  /** Positions that a second of a clip takes; Qwen2.5-Omni says it elsewhere. */
  tokens_per_second: number(4)
}).check(
  Schema.makeFilter(
    ({ patch_size, spatial_merge_size, window_size }) =>
      window_size >= patch_size * spatial_merge_size || `window_size is ${window_size}; a merge block has ${patch_size * spatial_merge_size} pixels a side`
  )
)

/** The configuration, read. */
export type WindowedVisionConfig = typeof WindowedVisionConfig.Type

/** The encoder (transformers 4.57.6 `Qwen2_5_VisionTransformerPretrainedModel`, `Qwen2_5OmniVisionEncoder`). `qkv`: how its checkpoint keeps queries, keys and values. */
export const windowedVisionSpec = (config: WindowedVisionConfig, qkv: RotaryVisionSpec["qkv"]): RotaryVisionSpec => {
  const { fullatt_block_indexes, hidden_size: width, intermediate_size, patch_size: patchSize, spatial_merge_size: merge, window_size } = config
  return {
    width,
    depth: config.depth,
    heads: config.num_heads,
    channels: config.in_channels,
    temporalPatchSize: config.temporal_patch_size,
    patchSize,
    patchBias: false,
    merge,
    qkv,
    norm: (x, weights, name, numbers) => rms(x, weights, name, numbers, 1e-6),
    feedForward: (x, weights) => gated(x, weights, width, intermediate_size, silu, true),
    windows: { side: Math.floor(window_size / merge / patchSize) * merge, isFull: (layer) => fullatt_block_indexes.includes(layer) },
    levels: []
  }
}

/** Its graphs (see `rotaryVisionGraphs`). */
export const windowedVisionGraphs = (config: WindowedVisionConfig, spec: RotaryVisionSpec, prefix: string): ReadonlyArray<GraphSource> =>
  rotaryVisionGraphs(prefix, spec, { norm: "ln_q", layers: ["mlp.0", "mlp.2"], outputs: config.out_hidden_size })
