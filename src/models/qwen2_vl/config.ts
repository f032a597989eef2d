import { Effect, Schema } from "effect"
import { decodeConfig, int, number, record } from "../../checkpoint/config-fields.ts"
import { publishedRotary, qwenTextConfig, refusedText } from "../../compile/blocks/qwen-decoder.ts"
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
const Qwen2VlConfig = Schema.Struct({
  text_config: qwenTextConfig({
    vocab_size: 152064,
    hidden_size: 8192,
    intermediate_size: 29568,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-5,
    rope_theta: 1000000,
    mrope_section: [16, 24, 24]
  }),
  vision_config: VisionConfig,
  image_token_id: int(151655),
  video_token_id: int(151656),
  vision_start_token_id: int(151652),
  vision_end_token_id: int(151653),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

/** The configuration, read. */
export type Qwen2VlConfig = typeof Qwen2VlConfig.Type

/** Reads it, the decoder's fields among the others (as published) or in `text_config`. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen2VlConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(Qwen2VlConfig, { vision_config: {}, ...config, text_config: publishedRotary(record(config.text_config ?? config)) }, path)
    const refused = refusedText(read.text_config, path)
    return refused === undefined ? read : yield* refused
  })
