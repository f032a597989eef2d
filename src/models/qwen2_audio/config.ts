import { Effect, Schema } from "effect"
import { decodeConfig, int, record } from "../../checkpoint/config-fields.ts"
import { type LlamaConfig, parseLlama, qwen2Defaults } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** `audio_config`; defaults are those of transformers' Qwen2AudioEncoderConfig. */
const AudioConfig = Schema.Struct({
  num_mel_bins: int(128),
  encoder_layers: int(32),
  encoder_attention_heads: int(20),
  encoder_ffn_dim: int(5120),
  d_model: int(1280),
  max_source_positions: int(1500),
  activation_function: Schema.optional(Schema.Literal("gelu"))
})

const Fields = Schema.Struct({ audio_config: AudioConfig, audio_token_index: int(151646), tie_word_embeddings: Schema.optional(Schema.Boolean) })

/** config.json of a Qwen2-Audio checkpoint, read. */
export interface Qwen2AudioConfig {
  readonly text: LlamaConfig
  readonly audio: typeof AudioConfig.Type
  /** The token that stands for sound. */
  readonly placeholder: number
  readonly tied: boolean
}

/** Reads the configuration. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen2AudioConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const {
      audio_config: audio,
      audio_token_index: placeholder,
      tie_word_embeddings
    } = yield* decodeConfig(Fields, { ...config, audio_config: record(config.audio_config) }, path)
    const text = yield* parseLlama(config.text_config, qwen2Defaults, path, "text_config.")
    if (audio.encoder_attention_heads < 1 || audio.d_model % audio.encoder_attention_heads !== 0) {
      return yield* new CheckpointUnreadable({
        stage: "load",
        path,
        message: `${path}: audio_config.d_model is ${audio.d_model}, no multiple of ${audio.encoder_attention_heads} heads`
      })
    }
    return { text, audio, placeholder, tied: text.tied ?? tie_word_embeddings ?? false }
  })
