import { Effect, Schema } from "effect"
import { decodeConfig, int, ints, number, record, text } from "../../checkpoint/config-fields.ts"
import { activations } from "../../compile/blocks/feed-forward.ts"
import { type LlamaConfig, type LlamaDefaults, parseLlama } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** `vision_config`; defaults are those of transformers' MllamaVisionConfig. */
const VisionConfig = Schema.Struct({
  hidden_size: int(1280),
  hidden_act: text("gelu"),
  num_hidden_layers: int(32),
  num_global_layers: int(8),
  attention_heads: int(16),
  num_channels: int(3),
  intermediate_size: int(5120),
  vision_output_dim: int(7680),
  image_size: int(448),
  patch_size: int(14),
  norm_eps: number(1e-5),
  max_num_tiles: int(4),
  intermediate_layers_indices: ints(3, 7, 15, 23, 30),
  supported_aspect_ratios: Schema.optional(Schema.NullOr(Schema.Array(Schema.Array(Schema.Int))))
})

const Fields = Schema.Struct({ vision_config: VisionConfig, image_token_index: int(128256) })

const CrossLayers = Schema.Struct({ cross_attention_layers: ints(3, 8, 13, 18, 23, 28, 33, 38) })

/** Of transformers' MllamaTextConfig. */
const textDefaults: LlamaDefaults = {
  vocab_size: 128256,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 40,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000
}

/** Rows that the token table has beyond the head's: the picture's token is the first of them. */
export const EXTRA_TOKENS = 8

/** config.json of a Llama 3.2 Vision checkpoint, read. */
export interface MllamaConfig {
  readonly text: LlamaConfig
  /** Numbers of the decoder layers that look at pictures. */
  readonly crossLayers: ReadonlyArray<number>
  readonly vision: typeof VisionConfig.Type
  /** Hidden rows of a tile: its patches, and the class token in front. */
  readonly tileRows: number
  /** Arrangements of tiles that the learned tables know. */
  readonly arrangements: number
  /** The token that stands where a picture stands. */
  readonly placeholder: number
}

/** Reads the configuration. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<MllamaConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const { image_token_index: placeholder, vision_config: vision } = yield* decodeConfig(
      Fields,
      { ...config, vision_config: record(config.vision_config) },
      path
    )
    const text = yield* parseLlama(config.text_config, textDefaults, path, "text_config.")
    const { cross_attention_layers: crossLayers } = yield* decodeConfig(CrossLayers, record(config.text_config), path)
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const wrongLayer = crossLayers.find((layer, i) => layer < 0 || layer >= text.layers || crossLayers.indexOf(layer) !== i)
    if (wrongLayer !== undefined) return yield* refuse("text_config.cross_attention_layers", `names layer ${wrongLayer} of ${text.layers}, or names it twice`)
    if (crossLayers.length === text.layers) return yield* refuse("text_config.cross_attention_layers", "names every layer; none is left that reads the text")
    if (vision.num_channels !== 3) return yield* refuse("vision_config.num_channels", `is ${vision.num_channels}; 3 channels are read`)
    if (!(vision.hidden_act in activations))
      return yield* refuse("vision_config.hidden_act", `is ${vision.hidden_act}; known are ${Object.keys(activations).join(", ")}`)
    if (vision.attention_heads < 1 || vision.hidden_size % vision.attention_heads !== 0)
      return yield* refuse("vision_config.hidden_size", `is ${vision.hidden_size}, no multiple of ${vision.attention_heads} heads`)
    if (vision.patch_size < 1 || vision.image_size < vision.patch_size)
      return yield* refuse("vision_config.image_size", `is ${vision.image_size}, patch_size ${vision.patch_size}`)
    const wrongState = vision.intermediate_layers_indices.find((layer) => layer < 0 || layer >= vision.num_hidden_layers)
    if (wrongState !== undefined) return yield* refuse("vision_config.intermediate_layers_indices", `names layer ${wrongState} of ${vision.num_hidden_layers}`)
    const outputs = vision.hidden_size * (1 + vision.intermediate_layers_indices.length)
    if (outputs !== vision.vision_output_dim)
      return yield* refuse("vision_config.vision_output_dim", `is ${vision.vision_output_dim}; the layers that are read give ${outputs}`)
    if (placeholder < 0 || placeholder >= text.vocabulary + EXTRA_TOKENS)
      return yield* refuse("image_token_index", `is ${placeholder}; the token table has ${text.vocabulary + EXTRA_TOKENS} rows`)
    return {
      text,
      crossLayers: crossLayers.toSorted((a, b) => a - b),
      vision,
      placeholder,
      tileRows: Math.floor(vision.image_size / vision.patch_size) ** 2 + 1,
      arrangements: vision.supported_aspect_ratios?.length ?? 8
    }
  })
