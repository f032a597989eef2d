import { Schema } from "effect"
import { flag, int, record, text } from "../../checkpoint/config-fields.ts"

/** `audio_config`, a Conformer; defaults are those of transformers' Phi4MultimodalAudioConfig. */
export const AudioFields = Schema.Struct({
  hidden_size: int(1024),
  intermediate_size: int(1536),
  num_blocks: int(24),
  num_attention_heads: int(16),
  activation: text("swish"),
  chunk_size: int(-1),
  left_chunk: int(18),
  ext_pw_out_channel: int(1024),
  depthwise_separable_out_channel: int(1024),
  depthwise_multiplier: int(1),
  kernel_size: int(3),
  conv_activation: text("swish"),
  input_size: int(80),
  conv_glu_type: text("swish"),
  time_reduction: int(8),
  bias_max_distance: int(1000),
  bias_symmetric: flag(false),
  nemo_activation: text("relu"),
  nemo_conv_channels: int(1024),
  downsample_rate: int(1),
  audio_token_id: int(200011)
})

/** The configuration, read. */
export type AudioConfig = typeof AudioFields.Type

/** `audio_config` by transformers' names, from the published layout's `audio_processor.config` where that is there. */
export const audioFields = (config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  if (config.audio_processor === undefined) return record(config.audio_config)
  const published = record(record(config.audio_processor).config)
  const bias = record(published.relative_attention_bias_args)
  return {
    ...published,
    hidden_size: published.attention_dim,
    intermediate_size: published.linear_units,
    num_attention_heads: published.attention_heads,
    depthwise_separable_out_channel: published.depthwise_seperable_out_channel,
    bias_max_distance: bias.t5_bias_max_distance,
    bias_symmetric: bias.t5_bias_symmetric,
    nemo_conv_channels: record(published.nemo_conv_settings).conv_channels,
    downsample_rate: record(record(record(config.embd_layer).audio_embd_layer)).downsample_rate,
    nemo_activation: undefined
  }
}

/** What is wrong with it, if anything: the field, and why. */
export const checkAudio = (audio: AudioConfig): readonly [field: string, why: string] | undefined => {
  const { depthwise_separable_out_channel, ext_pw_out_channel, hidden_size, num_attention_heads, time_reduction } = audio
  for (const field of ["activation", "conv_activation", "conv_glu_type"] as const)
    if (audio[field] !== "swish") return [`audio_config.${field}`, `is ${audio[field]}; swish is run here`]
  if (audio.nemo_activation !== "relu") return ["audio_config.nemo_activation", `is ${audio.nemo_activation}; relu is run here`]
  if (audio.downsample_rate !== 1) return ["audio_config.downsample_rate", `is ${audio.downsample_rate}; 1 is run here`]
  if (num_attention_heads < 1 || hidden_size % num_attention_heads !== 0)
    return ["audio_config.hidden_size", `is ${hidden_size}, no multiple of ${num_attention_heads} heads`]
  if (ext_pw_out_channel !== hidden_size || depthwise_separable_out_channel !== hidden_size)
    return [
      "audio_config.ext_pw_out_channel",
      `is ${ext_pw_out_channel}, ${depthwise_separable_out_channel} after the depthwise convolution; rows have ${hidden_size}`
    ]
  if (time_reduction < 2 || !Number.isInteger(Math.log2(time_reduction))) return ["audio_config.time_reduction", `is ${time_reduction}, no power of 2`]
  if (audio.kernel_size < 1 || audio.depthwise_multiplier < 1 || audio.bias_max_distance < 1 || audio.input_size < 1)
    return ["audio_config", "has a size below 1"]
  return undefined
}
