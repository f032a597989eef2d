import { Effect, Schema } from "effect"
import { decodeConfig, int, record } from "../../checkpoint/config-fields.ts"
import { publishedRotary, qwenTextConfig, refusedText } from "../../compile/blocks/qwen-decoder.ts"
import { WindowedVisionConfig } from "../../compile/blocks/windowed-vision.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"

/** config.json of a Qwen2.5-VL checkpoint. Defaults are those of transformers' Qwen2_5_VLConfig. */
const Qwen25VlConfig = Schema.Struct({
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
  vision_config: WindowedVisionConfig,
  image_token_id: int(151655),
  video_token_id: int(151656),
  vision_start_token_id: int(151652),
  vision_end_token_id: int(151653),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

/** The configuration, read. */
export type Qwen25VlConfig = typeof Qwen25VlConfig.Type

/** Reads it, the decoder's fields among the others (as published) or in `text_config`. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen25VlConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(Qwen25VlConfig, { vision_config: {}, ...config, text_config: publishedRotary(record(config.text_config ?? config)) }, path)
    const refused = refusedText(read.text_config, path)
    return refused === undefined ? read : yield* refused
  })
