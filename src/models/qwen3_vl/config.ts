import { Effect, Schema } from "effect"
import { int, ints, record } from "../../checkpoint/config-fields.ts"
import { decodeQwenConfig, publishedRotary, qwenTextConfig } from "../../compile/blocks/qwen-decoder.ts"
import { qwenVlFields } from "../../compile/blocks/qwen-vl-config.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** `vision_config`; `num_position_embeddings` is a square. */
const VisionConfig = Schema.Struct({
  depth: int(27),
  hidden_size: int(1152),
  hidden_act: Schema.Literals(["gelu_pytorch_tanh", "gelu", "quick_gelu", "silu"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("gelu_pytorch_tanh" as const))
  ),
  intermediate_size: int(4304),
  num_heads: int(16),
  in_channels: int(3),
  patch_size: int(16),
  spatial_merge_size: int(2),
  temporal_patch_size: int(2),
  out_hidden_size: int(3584),
  num_position_embeddings: int(2304),
  deepstack_visual_indexes: ints(8, 16, 24)
})

/** config.json of a Qwen3-VL checkpoint. Defaults are those of transformers' Qwen3VLConfig. */
const Qwen3VlConfig = Schema.Struct({
  text_config: qwenTextConfig({
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 128000,
    rms_norm_eps: 1e-6,
    rope_theta: 5000000,
    mrope_section: [24, 20, 20]
  }),
  vision_config: VisionConfig,
  ...qwenVlFields
})

/** The configuration, read. */
export type Qwen3VlConfig = typeof Qwen3VlConfig.Type

/** Reads it. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen3VlConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const text = { head_dim: 128, ...publishedRotary(config.text_config) }
    const read = yield* decodeQwenConfig(Qwen3VlConfig, { ...config, text_config: text, vision_config: record(config.vision_config) }, path)
    const { deepstack_visual_indexes: levels, depth, num_position_embeddings: positions } = read.vision_config
    const wrong = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: vision_config.${field} ${why}` })
    if (!Number.isInteger(Math.sqrt(positions))) return yield* wrong("num_position_embeddings", `is ${positions}, not a square`)
    if (levels.some((layer) => layer < 0 || layer >= depth))
      return yield* wrong("deepstack_visual_indexes", `is [${levels.join(", ")}]; the encoder has layers 0 to ${depth - 1}`)
    return read
  })
