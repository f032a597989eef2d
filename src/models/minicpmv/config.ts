import { Effect, Schema } from "effect"
import { decodeConfig, flag, int, ints, record } from "../../checkpoint/config-fields.ts"
import { type LlamaConfig, parseLlama, qwen2Defaults, qwen3Defaults } from "../../compile/blocks/llama-decoder.ts"
import { siglipConfig, type SiglipConfig, siglipDefaults } from "../../compile/blocks/siglip-vision.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** How hidden rows become embeddings. */
export type Projection =
  /** Queries that look at all patches of a part (2.6). */
  | { readonly _tag: "Resampler"; readonly queries: number }
  /** Windows merged after encoder layer `after`, except in 4x mode, and blocks of four joined `times` times after the last (4.6). */
  | { readonly _tag: "Merger"; readonly after: number; readonly times: number; readonly mode: DownsampleMode }

/** 16 patches a row, or 4: the window merger is left out. */
export type DownsampleMode = "16x" | "4x"

/** config.json of a MiniCPM-V checkpoint, read. */
export interface MiniCpmConfig {
  readonly modelType: "minicpmv" | "minicpmv4_6"
  readonly text: LlamaConfig
  /** Biases of query, key and value (Qwen2). */
  readonly qkvBias: boolean
  /** Norms of each head's queries and keys (Qwen3). */
  readonly headNorms: boolean
  readonly vision: SiglipConfig
  readonly projection: Projection
  readonly tied: boolean
  /** Ids that stand for rows (4.6); 2.6 names its token in the processor's file. */
  readonly rows?: { readonly image: number; readonly video: number | undefined }
}

/** 2.6: the text's fields stand at the top. Defaults are those of the published configuration_minicpm.py. */
const Config26 = Schema.Struct({
  version: Schema.optional(Schema.Union([Schema.Finite, Schema.String])),
  query_num: int(64),
  drop_vision_last_layer: flag(true),
  vision_config: siglipConfig({ hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 27, num_attention_heads: 16, image_size: 980, patch_size: 14 })
})

const TextKind = Schema.Struct({ model_type: Schema.optional(Schema.String) })

/** Defaults are those of transformers' MiniCPMV4_6Config. */
const Config46 = Schema.Struct({
  text_config: TextKind,
  vision_config: siglipConfig(siglipDefaults),
  insert_layer_id: int(6),
  image_token_id: Schema.Int,
  video_token_id: Schema.optional(Schema.NullOr(Schema.Int)),
  downsample_mode: Schema.optional(Schema.Literals(["16x", "4x"])),
  merge_kernel_size: ints(2, 2),
  merger_times: int(1),
  tie_word_embeddings: flag(false)
})

const refusal = (path: string) => (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })

const parse26 = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<MiniCpmConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const refuse = refusal(path)
    const read = yield* decodeConfig(Config26, { ...config, vision_config: record(config.vision_config) }, path)
    if (read.version !== undefined && Number(read.version) !== 2.6) return yield* refuse("version", `is ${read.version}; 2.6 is run here`)
    const text = yield* parseLlama(config, qwen2Defaults, path)
    if (text.width % 128 !== 0) return yield* refuse("hidden_size", `is ${text.width}; the resampler has a head for every 128 numbers`)
    const layers = read.vision_config.num_hidden_layers - (read.drop_vision_last_layer ? 1 : 0)
    return {
      modelType: "minicpmv",
      text,
      qkvBias: true,
      headNorms: false,
      vision: { ...read.vision_config, num_hidden_layers: layers },
      projection: { _tag: "Resampler", queries: read.query_num },
      tied: text.tied ?? false
    }
  })

const parse46 = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<MiniCpmConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const refuse = refusal(path)
    const read = yield* decodeConfig(Config46, { ...config, text_config: record(config.text_config), vision_config: record(config.vision_config) }, path)
    const { insert_layer_id: after, merger_times: times, vision_config: vision } = read
    const kind = read.text_config.model_type
    if (kind !== "qwen2" && kind !== "qwen3") {
      return yield* refuse(
        "text_config.model_type",
        `is ${kind ?? "not said"}; qwen2 and qwen3 are run here, layers of linear attention (qwen3_5_text) are not`
      )
    }
    if (after < 0 || after >= vision.num_hidden_layers)
      return yield* refuse("insert_layer_id", `is ${after}; the encoder has ${vision.num_hidden_layers} layers`)
    const window = record(config.vision_config).window_kernel_size
    for (const [field, sides] of [
      ["merge_kernel_size", read.merge_kernel_size],
      ["vision_config.window_kernel_size", window ?? [2, 2]]
    ] as const) {
      if (JSON.stringify(sides) !== "[2,2]") return yield* refuse(field, `is ${JSON.stringify(sides)}; blocks of 2 x 2 are merged here`)
    }
    if (times < 1) return yield* refuse("merger_times", `is ${times}`)
    return {
      modelType: "minicpmv4_6",
      text: yield* parseLlama(config.text_config, kind === "qwen3" ? qwen3Defaults : qwen2Defaults, path, "text_config."),
      qkvBias: kind === "qwen2",
      headNorms: kind === "qwen3",
      vision,
      projection: { _tag: "Merger", after, times, mode: read.downsample_mode ?? "16x" },
      tied: read.tie_word_embeddings,
      rows: { image: read.image_token_id, video: read.video_token_id ?? undefined }
    }
  })

/** Reads the configuration, whichever version it is of. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<MiniCpmConfig, CheckpointUnreadable> =>
  config.model_type === "minicpmv4_6" ? parse46(config, path) : parse26(config, path)
