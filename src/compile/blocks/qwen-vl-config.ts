import { type Effect, Schema } from "effect"
import { int, record } from "../../checkpoint/config-fields.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"
import { decodeQwenConfig, publishedRotary, type QwenTextConfig, qwenTextConfig } from "./qwen-decoder.ts"

/** The fields of config.json that Qwen2-VL, Qwen2.5-VL and Qwen3-VL have beside their decoder's and their encoder's. */
export const qwenVlFields = {
  image_token_id: int(151655),
  video_token_id: int(151656),
  vision_start_token_id: int(151652),
  vision_end_token_id: int(151653),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
}

/** `text_config` of Qwen2-VL and Qwen2.5-VL; defaults are those of transformers' Qwen2VLTextConfig and Qwen2_5_VLTextConfig. */
export const Qwen2VlTextConfig = qwenTextConfig({
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
})

/**
 * Reads the configuration of Qwen2-VL or Qwen2.5-VL, the decoder's fields among the others (as published) or in `text_config`.
 * Fails with `CheckpointUnreadable` that names the field.
 */
export const readQwen2VlConfig = <S extends Schema.Codec<{ readonly text_config: QwenTextConfig }, unknown>>(
  schema: S,
  config: Readonly<Record<string, unknown>>,
  path: string
): Effect.Effect<S["Type"], CheckpointUnreadable> =>
  decodeQwenConfig(schema, { vision_config: {}, ...config, text_config: publishedRotary(record(config.text_config ?? config)) }, path)
