import { Effect, Schema } from "effect"
import { decodeConfig, flag, int, record, text } from "../../checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { activations } from "./feed-forward.ts"
import { clipConfig, type ClipConfig, clipDefaults } from "./clip-vision.ts"
import { type LlamaConfig, llamaDefaults, parseLlama, qwen2Defaults } from "./llama-decoder.ts"
import type { VisionTowerDefaults } from "./vision-tower-config.ts"
import { siglipConfig, type SiglipConfig, siglipDefaults } from "./siglip-vision.ts"

/** What differs between the families whose config.json is LLaVA's. */
export interface LlavaDefaults {
  readonly visionType: "clip_vision_model" | "siglip_vision_model"
  /** The encoder where config.json has no `vision_config` at all. */
  readonly vision: VisionTowerDefaults
  readonly textType: "llama" | "qwen2"
  readonly featureLayer: number
  readonly selectStrategy: "default" | "full"
  readonly imageToken: number
}

/** The encoder of pictures. */
export type LlavaVision = { readonly kind: "clip"; readonly config: ClipConfig } | { readonly kind: "siglip"; readonly config: SiglipConfig }

/** A model of an encoder, a projector of two layers, and a plain decoder, as config.json describes it. */
export interface LlavaConfig {
  readonly text: LlamaConfig
  /** Whether queries, keys and values have biases (Qwen2). */
  readonly qkvBias: boolean
  readonly vision: LlavaVision
  /** After how many of the encoder's layers hidden rows are taken; several are joined. */
  readonly after: ReadonlyArray<number>
  /** Whether each picture's first row is left out: CLIP's class token. */
  readonly dropsFirst: boolean
  /** Rows of one tile. */
  readonly tileRows: number
  readonly projector: { readonly activation: string; readonly bias: boolean }
  readonly imageToken: number
  /** `tie_word_embeddings`, anywhere. */
  readonly tied: boolean
}

const fields = (defaults: LlavaDefaults) =>
  Schema.Struct({
    image_token_index: int(defaults.imageToken),
    projector_hidden_act: text("gelu"),
    multimodal_projector_bias: flag(true),
    vision_feature_layer: Schema.Union([Schema.Int, Schema.Array(Schema.Int)]).pipe(Schema.withDecodingDefault(Effect.succeed(defaults.featureLayer))),
    vision_feature_select_strategy: Schema.Literals(["default", "full"]).pipe(Schema.withDecodingDefault(Effect.succeed(defaults.selectStrategy))),
    tie_word_embeddings: flag(false)
  })

/** Reads config.json (transformers 5.18 `LlavaConfig`, `LlavaOnevisionConfig`). Fails with `CheckpointUnreadable` that names the field. */
export const parseLlava = (
  config: Readonly<Record<string, unknown>>,
  path: string,
  defaults: LlavaDefaults
): Effect.Effect<LlavaConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    // Transformers 5 may write the token under its newer name.
    const read = yield* decodeConfig(
      fields(defaults),
      { ...(config.image_token_id === undefined ? {} : { image_token_index: config.image_token_id }), ...config },
      path
    )
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    if (!(read.projector_hidden_act in activations))
      return yield* refuse("projector_hidden_act", `is ${read.projector_hidden_act}; known are ${Object.keys(activations).join(", ")}`)

    const seeing = record(config.vision_config)
    const given = config.vision_config !== undefined && config.vision_config !== null
    const visionType = seeing.model_type ?? defaults.visionType
    if (visionType !== "clip_vision_model" && visionType !== "siglip_vision_model")
      return yield* refuse("vision_config.model_type", `is ${JSON.stringify(visionType)}; clip_vision_model and siglip_vision_model are run here`)
    const vision: LlavaVision =
      visionType === "clip_vision_model"
        ? { kind: "clip", config: yield* decodeConfig(clipConfig(given ? clipDefaults : defaults.vision), seeing, path) }
        : { kind: "siglip", config: yield* decodeConfig(siglipConfig(given ? siglipDefaults : defaults.vision), seeing, path) }

    const speaking = record(config.text_config)
    const textType = speaking.model_type ?? defaults.textType
    if (textType !== "llama" && textType !== "qwen2")
      return yield* refuse("text_config.model_type", `is ${JSON.stringify(textType)}; llama and qwen2 are run here`)
    const text = yield* parseLlama(speaking, textType === "llama" ? llamaDefaults : qwen2Defaults, path, "text_config.")

    const { image_size, num_hidden_layers: layers, patch_size } = vision.config
    const after = [read.vision_feature_layer].flat().map((layer) => (layer < 0 ? layers + 1 + layer : layer))
    if (after.length === 0 || after.some((layer) => layer < 0 || layer > layers))
      return yield* refuse("vision_feature_layer", `is ${JSON.stringify(read.vision_feature_layer)}; the encoder has ${layers} layers`)
    const dropsFirst = read.vision_feature_select_strategy === "default"
    return {
      text,
      qkvBias: textType === "qwen2",
      vision,
      after,
      dropsFirst,
      tileRows: Math.floor(image_size / patch_size) ** 2 + (vision.kind === "clip" ? 1 : 0) - (dropsFirst ? 1 : 0),
      projector: { activation: read.projector_hidden_act, bias: read.multimodal_projector_bias },
      imageToken: read.image_token_index,
      tied: read.tie_word_embeddings || text.tied === true
    }
  })
