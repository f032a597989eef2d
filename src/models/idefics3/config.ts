import { Effect, Schema } from "effect"
import { decodeConfig, int, record } from "../../checkpoint/config-fields.ts"
import { type LlamaConfig, llamaDefaults, parseLlama } from "../../compile/blocks/llama-decoder.ts"
import { patchesAcross, siglipConfig, type SiglipConfig } from "../../compile/blocks/siglip-vision.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** `vision_config`; defaults are those of transformers' Idefics3VisionConfig. */
const VisionConfig = siglipConfig({
  hidden_size: 1152,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 16,
  image_size: 224,
  patch_size: 32
})

const Config = Schema.Struct({
  model_type: Schema.Literals(["idefics3", "smolvlm"]),
  text_config: Schema.Struct({ model_type: Schema.optional(Schema.Literal("llama")) }),
  vision_config: VisionConfig,
  scale_factor: int(2),
  image_token_id: int(128257),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

/** config.json of an Idefics3 or SmolVLM checkpoint, read. */
export interface IdeficsConfig {
  readonly modelType: "idefics3" | "smolvlm"
  readonly text: LlamaConfig
  readonly vision: SiglipConfig
  /** Patches along a side of a block that becomes one row. */
  readonly scale: number
  /** Rows of one tile. */
  readonly tileRows: number
  /** Id that stands for a row of a picture. */
  readonly row: number
  readonly tied: boolean
}

/** Reads the configuration. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<IdeficsConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(Config, { ...config, text_config: record(config.text_config), vision_config: record(config.vision_config) }, path)
    const { scale_factor: scale, vision_config: vision } = read
    const across = patchesAcross(vision)
    if (scale < 1 || across % scale !== 0) {
      return yield* new CheckpointUnreadable({
        stage: "load",
        path,
        message: `${path}: scale_factor is ${scale}; ${across} x ${across} patches do not fall into blocks of ${scale} x ${scale}`
      })
    }
    return {
      modelType: read.model_type,
      vision,
      scale,
      tileRows: (across / scale) ** 2,
      row: read.image_token_id,
      tied: read.tie_word_embeddings ?? false,
      text: yield* parseLlama(config.text_config, llamaDefaults, path, "text_config.")
    }
  })
