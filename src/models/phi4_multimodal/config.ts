import { Effect, Schema } from "effect"
import { decodeConfig, flag, int, number, record, text } from "../../checkpoint/config-fields.ts"
import { type LlamaConfig, type LlamaDefaults, parseLlama } from "../../compile/blocks/llama-decoder.ts"
import type { LongScaling } from "../../compile/blocks/long-rotary.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { AudioFields, audioFields, checkAudio } from "./audio-config.ts"

/** Of transformers' Phi4MultimodalConfig. */
const textDefaults: LlamaDefaults = {
  vocab_size: 200064,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 10000
}

/** `vision_config`; the published code fixes what transformers' Phi4MultimodalVisionConfig has as defaults. */
const VisionConfig = Schema.Struct({
  hidden_size: int(1152),
  intermediate_size: int(4304),
  num_hidden_layers: int(27),
  num_attention_heads: int(16),
  num_channels: int(3),
  image_size: int(448),
  crop_size: int(448),
  patch_size: int(14),
  hidden_act: Schema.optional(Schema.Literal("gelu_pytorch_tanh")),
  layer_norm_eps: number(1e-6),
  image_token_id: int(200010),
  feature_layer: int(-2)
})

const factors = Schema.optional(Schema.NullOr(Schema.Array(Schema.Finite)))
const Rope = Schema.Struct({
  type: Schema.optional(Schema.String),
  rope_type: Schema.optional(Schema.String),
  rope_theta: Schema.optional(Schema.Finite),
  partial_rotary_factor: Schema.optional(Schema.Finite),
  short_factor: factors,
  long_factor: factors,
  factor: Schema.optional(Schema.NullOr(Schema.Finite)),
  attention_factor: Schema.optional(Schema.NullOr(Schema.Finite)),
  original_max_position_embeddings: Schema.optional(Schema.Finite)
})

const LoraFields = Schema.Struct({ r: Schema.Int, lora_alpha: Schema.Finite })

const Fields = Schema.Struct({
  vision_config: VisionConfig,
  audio_config: AudioFields,
  rope: Rope,
  partial_rotary_factor: number(1),
  original_max_position_embeddings: int(4096),
  sliding_window: Schema.optional(Schema.NullOr(Schema.Int)),
  lm_head_bias: flag(false),
  tie_word_embeddings: flag(false),
  hidden_act: text("silu"),
  vision_lora: Schema.optional(Schema.NullOr(LoraFields)),
  speech_lora: Schema.optional(Schema.NullOr(LoraFields))
})

/** config.json of a Phi-4-multimodal checkpoint, read, whichever of its two layouts it has. */
export interface PhiConfig {
  readonly text: LlamaConfig
  /** Channels of a head that turn. */
  readonly rotaryWidth: number
  readonly longContext: LongScaling | undefined
  readonly window: number | undefined
  readonly tied: boolean
  readonly vision: typeof VisionConfig.Type
  /** Layers of the vision encoder that are run. */
  readonly visionLayers: number
  readonly audio: typeof AudioFields.Type
  /** Rank and alpha of the LoRA sets that stand among the weights. */
  readonly loras: Readonly<Record<"vision" | "speech", typeof LoraFields.Type | undefined>>
}

/** Reads the configuration. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<PhiConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const { rope_parameters, rope_scaling, ...rest } = config
    const read = yield* decodeConfig(
      Fields,
      {
        ...config,
        rope: { ...record(rope_parameters), ...record(rope_scaling) },
        vision_config: record(config.vision_config),
        audio_config: audioFields(config)
      },
      path
    )
    const { audio_config: audio, rope, vision_config: vision } = read
    const text = yield* parseLlama({ ...rest, ...(rope.rope_theta === undefined ? {} : { rope_theta: rope.rope_theta }) }, textDefaults, path)
    if (read.lm_head_bias) return yield* refuse("lm_head_bias", "is true, which is not run here")

    const rotaryWidth = Math.trunc(text.headWidth * (rope.partial_rotary_factor ?? read.partial_rotary_factor))
    if (rotaryWidth < 2 || rotaryWidth % 2 !== 0 || rotaryWidth > text.headWidth)
      return yield* refuse("partial_rotary_factor", `leaves ${rotaryWidth} of ${text.headWidth} channels to turn`)
    const kind = rope.rope_type ?? rope.type ?? "default"
    if (!["default", "longrope", "su", "yarn"].includes(kind)) return yield* refuse("rope_scaling", `is ${kind}; longrope, or none, is run here`)
    const [short, long] = [rope.short_factor ?? [], rope.long_factor ?? []]
    if (kind !== "default" && (short.length !== rotaryWidth / 2 || long.length !== rotaryWidth / 2)) {
      return yield* refuse("rope_scaling", `has ${short.length} short and ${long.length} long factors; ${rotaryWidth / 2} pairs turn`)
    }
    const original = rope.original_max_position_embeddings ?? read.original_max_position_embeddings
    if (original < 2) return yield* refuse("original_max_position_embeddings", `is ${original}`)

    const across = vision.image_size / vision.patch_size
    if (vision.image_size !== vision.crop_size || !Number.isInteger(across) || across % 2 !== 0) {
      return yield* refuse(
        "vision_config.image_size",
        `is ${vision.image_size}, crops of ${vision.crop_size}, patches of ${vision.patch_size}: crops must be whole pairs of patches`
      )
    }
    if (vision.num_channels !== 3) return yield* refuse("vision_config.num_channels", `is ${vision.num_channels}; 3 channels are read`)
    if (vision.num_attention_heads < 1 || vision.hidden_size % vision.num_attention_heads !== 0)
      return yield* refuse("vision_config.hidden_size", `is ${vision.hidden_size}, no multiple of ${vision.num_attention_heads} heads`)
    const visionLayers = vision.feature_layer < 0 ? vision.num_hidden_layers + 1 + vision.feature_layer : vision.feature_layer
    if (visionLayers < 0 || visionLayers > vision.num_hidden_layers)
      return yield* refuse("vision_config.feature_layer", `is ${vision.feature_layer} of ${vision.num_hidden_layers} layers`)
    const wrongAudio = checkAudio(audio)
    if (wrongAudio !== undefined) return yield* refuse(...wrongAudio)
    return {
      text,
      rotaryWidth,
      vision,
      visionLayers,
      audio,
      tied: read.tie_word_embeddings,
      window: read.sliding_window ?? undefined,
      longContext:
        kind === "default"
          ? undefined
          : {
              short,
              long,
              original,
              factor: rope.factor ?? text.maxPositions / original,
              ...(rope.attention_factor === undefined || rope.attention_factor === null ? {} : { attentionFactor: rope.attention_factor })
            },
      loras: { vision: read.vision_lora ?? undefined, speech: read.speech_lora ?? undefined }
    }
  })
