import { type Effect, Schema } from "effect"
import { int, record } from "../../checkpoint/config-fields.ts"
import { decodeQwenConfig, publishedRotary, qwenTextConfig } from "../../compile/blocks/qwen-decoder.ts"
import { WindowedVisionConfig } from "../../compile/blocks/windowed-vision.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"

/** `text_config`: a Qwen2.5 decoder with M-RoPE. Defaults are those of transformers' Qwen2_5OmniTextConfig. */
const TextConfig = qwenTextConfig({
  vocab_size: 152064,
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  mrope_section: [16, 24, 24]
})

/** `audio_config`: the encoder of sound, Whisper's in windows. */
const AudioConfig = Schema.Struct({
  num_mel_bins: int(128),
  encoder_layers: int(32),
  encoder_attention_heads: int(20),
  encoder_ffn_dim: int(5120),
  d_model: int(1280),
  max_source_positions: int(1500),
  n_window: int(100),
  output_dim: int(3584)
})

const ThinkerConfig = Schema.Struct({
  text_config: TextConfig,
  vision_config: WindowedVisionConfig,
  audio_config: AudioConfig,
  audio_token_index: int(151646),
  image_token_index: int(151655),
  video_token_index: int(151656),
  position_id_per_seconds: int(25),
  seconds_per_chunk: int(2),
  audio_start_token_id: int(151647),
  audio_end_token_id: int(151648),
  vision_start_token_id: int(151652),
  vision_end_token_id: int(151653),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

/** config.json of a Qwen2.5-Omni checkpoint, its Thinker's part. */
export type OmniConfig = typeof ThinkerConfig.Type

/** Reads the Thinker's configuration, nested (`thinker_config`) or alone. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<OmniConfig, CheckpointUnreadable> => {
  const thinker = record(config.thinker_config ?? config)
  return decodeQwenConfig(ThinkerConfig, { ...thinker, text_config: publishedRotary(thinker.text_config) }, path)
}
