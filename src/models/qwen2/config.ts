import { Effect, Schema } from "effect"
import { decodeConfig } from "../../checkpoint/config-fields.ts"
import { type LlamaConfig, parseLlama, qwen2Defaults } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

/** What Qwen2 says beside a Llama configuration: the attention of each layer, as transformers 5 writes it. */
const Fields = Schema.Struct({ layer_types: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))) })

/**
 * Reads config.json of a Qwen2 or Qwen2.5 checkpoint (transformers `Qwen2Config`). Fails with `CheckpointUnreadable` that names the field, also for a sliding window
 * that is used; one that is only named (`sliding_window`, `max_window_layers`) is not.
 */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<LlamaConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const { layer_types: kinds } = yield* decodeConfig(Fields, config, path)
    const strange = kinds?.find((kind) => kind !== "full_attention")
    if (strange !== undefined) {
      return yield* new CheckpointUnreadable({
        stage: "load",
        path,
        message: `${path}: layer_types has ${strange}; layers of full_attention alone are run here`
      })
    }
    return yield* parseLlama(config, qwen2Defaults, path)
  })
