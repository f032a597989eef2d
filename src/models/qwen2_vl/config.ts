import { Effect, Schema } from "effect"
import { int, number } from "../../checkpoint/config-fields.ts"
import { Qwen2VlTextConfig, qwenVlFields, readQwen2VlConfig } from "../../compile/blocks/qwen-vl-config.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"

/** `vision_config`: `embed_dim` is the encoder's width, `hidden_size` the decoder's. */
const VisionConfig = Schema.Struct({
  depth: int(32),
  embed_dim: int(1280),
  hidden_size: int(3584),
  hidden_act: Schema.Literals(["quick_gelu", "gelu", "gelu_pytorch_tanh", "silu"]).pipe(Schema.withDecodingDefault(Effect.succeed("quick_gelu" as const))),
  mlp_ratio: number(4),
  num_heads: int(16),
  in_channels: int(3),
  patch_size: int(14),
  spatial_merge_size: int(2),
  temporal_patch_size: int(2)
})

/** config.json of a Qwen2-VL checkpoint. Defaults are those of transformers' Qwen2VLConfig. */
const Qwen2VlConfig = Schema.Struct({ text_config: Qwen2VlTextConfig, vision_config: VisionConfig, ...qwenVlFields })

/** The configuration, read. */
export type Qwen2VlConfig = typeof Qwen2VlConfig.Type

/** Reads it, the decoder's fields among the others (as published) or in `text_config`. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen2VlConfig, CheckpointUnreadable> =>
  readQwen2VlConfig(Qwen2VlConfig, config, path)
