import { Effect, Schema } from "effect"
import { CheckpointUnreadable } from "../../core/errors.ts"

const int = (value: number) => Schema.Int.pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const number = (value: number) => Schema.Finite.pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const flag = (value: boolean) => Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(value)))
const ints = (...values: ReadonlyArray<number>) => Schema.Array(Schema.Int).pipe(Schema.withDecodingDefault(Effect.succeed(values)))

/** `text_config`: a Qwen2.5 decoder with M-RoPE. Defaults are those of transformers' Qwen2_5OmniTextConfig. */
const TextConfig = Schema.Struct({
  vocab_size: int(152064),
  hidden_size: int(3584),
  intermediate_size: int(18944),
  num_hidden_layers: int(28),
  num_attention_heads: int(28),
  num_key_value_heads: int(4),
  head_dim: Schema.optional(Schema.NullOr(Schema.Int)),
  max_position_embeddings: int(32768),
  rms_norm_eps: number(1e-6),
  rope_theta: number(1000000),
  rope_scaling: Schema.optional(Schema.NullOr(Schema.Struct({ mrope_section: ints(16, 24, 24) }))),
  use_sliding_window: flag(false),
  sliding_window: Schema.optional(Schema.NullOr(Schema.Int)),
  max_window_layers: int(28),
  tie_word_embeddings: flag(false)
})

/** `vision_config`: the encoder of pictures and frames. */
const VisionConfig = Schema.Struct({
  depth: int(32),
  hidden_size: int(3584),
  intermediate_size: int(3420),
  num_heads: int(16),
  in_channels: int(3),
  patch_size: int(14),
  spatial_merge_size: int(2),
  temporal_patch_size: int(2),
  window_size: int(112),
  out_hidden_size: int(3584),
  fullatt_block_indexes: ints(7, 15, 23, 31)
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
  vision_config: VisionConfig,
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
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<OmniConfig, CheckpointUnreadable> =>
  Schema.decodeUnknownEffect(ThinkerConfig)(config.thinker_config ?? config).pipe(
    Effect.mapError((error) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${error.message}` })),
    Effect.filterOrFail(
      ({ text_config }) => !text_config.use_sliding_window,
      () => new CheckpointUnreadable({ stage: "load", path, message: `${path}: use_sliding_window is true; the published Qwen2.5-Omni checkpoints have it false, and it is not run here` })
    )
  )
