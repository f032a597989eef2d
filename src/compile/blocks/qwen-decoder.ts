import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, flag, int, ints, number, record, text } from "../../checkpoint/config-fields.ts"
import type { AttentionKind } from "../../core/attention-inputs.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { silu } from "../../onnx/ops.ts"
import type { GraphSource } from "../compile.ts"
import { decoder } from "./decoder.ts"
import { sectionedRotary } from "./sectioned-rotary.ts"
import { tokenEmbedding } from "./token-embedding.ts"

/** What a family's text configuration means where its config.json does not say. */
export interface QwenTextDefaults {
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly max_position_embeddings: number
  readonly rms_norm_eps: number
  readonly rope_theta: number
  readonly mrope_section: readonly [time: number, height: number, width: number]
}

/** A Qwen2 or Qwen3 decoder with M-RoPE, as config.json describes it. */
export const qwenTextConfig = (defaults: QwenTextDefaults) =>
  Schema.Struct({
    vocab_size: int(defaults.vocab_size),
    hidden_size: int(defaults.hidden_size),
    intermediate_size: int(defaults.intermediate_size),
    num_hidden_layers: int(defaults.num_hidden_layers),
    num_attention_heads: int(defaults.num_attention_heads),
    num_key_value_heads: int(defaults.num_key_value_heads),
    head_dim: Schema.optional(Schema.NullOr(Schema.Int)),
    hidden_act: Schema.optional(Schema.Literal("silu")),
    max_position_embeddings: int(defaults.max_position_embeddings),
    rms_norm_eps: number(defaults.rms_norm_eps),
    rope_theta: number(defaults.rope_theta),
    rope_scaling: Schema.optional(
      Schema.NullOr(Schema.Struct({ type: text("default"), rope_type: text("default"), mrope_section: ints(...defaults.mrope_section) }))
    ),
    use_sliding_window: flag(false),
    attention_bias: flag(false),
    tie_word_embeddings: flag(false)
  })

/** A decoder's configuration, read. */
export type QwenTextConfig = ReturnType<typeof qwenTextConfig>["Type"]

/** config.json as transformers 5 writes it, in the published form: `rope_parameters` are `rope_scaling` and `rope_theta`. */
export const publishedRotary = (config: unknown): Readonly<Record<string, unknown>> => {
  const { rope_parameters: later, ...rest } = record(config)
  if (later === undefined || later === null) return rest
  const { rope_theta, ...scaling } = record(later)
  return { rope_scaling: scaling, ...(rope_theta === undefined ? {} : { rope_theta }), ...rest }
}

/** What is wrong with a decoder's configuration, if anything: what no published checkpoint has, and what would be run wrongly. */
const refusedText = (config: QwenTextConfig, path: string): CheckpointUnreadable | undefined => {
  const wrong = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
  const { rope_scaling: rope } = config
  const kind = [rope?.type, rope?.rope_type].find((type) => type !== undefined && type !== "default" && type !== "mrope")
  if (config.use_sliding_window) return wrong("use_sliding_window", "is true; the published checkpoints have it false, and it is not run here")
  if (config.attention_bias) return wrong("attention_bias", "is true; the published checkpoints have it false, and it is not run here")
  if (kind !== undefined) return wrong("rope_scaling.type", `is ${kind}; only the default frequencies are run here`)
  const sections = rope?.mrope_section.reduce((sum, one) => sum + one, 0)
  if (sections !== undefined && sections !== headWidthOf(config) / 2)
    return wrong("rope_scaling.mrope_section", `shares out ${sections} pairs; half a head has ${headWidthOf(config) / 2}`)
  return undefined
}

/** Reads a configuration with such a decoder by its schema. Fails with `CheckpointUnreadable` that names `path` and the field. */
export const decodeQwenConfig = <S extends Schema.Codec<{ readonly text_config: QwenTextConfig }, unknown>>(
  schema: S,
  value: unknown,
  path: string
): Effect.Effect<S["Type"], CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(schema, value, path)
    const refused = refusedText(read.text_config, path)
    return refused === undefined ? read : yield* refused
  })

/** Numbers in one attention head. */
export const headWidthOf = ({ head_dim, hidden_size, num_attention_heads }: QwenTextConfig): number => head_dim ?? hidden_size / num_attention_heads

/** The one kind of attention. `interleaved`: how M-RoPE shares out the pairs (see `sectionedRotary`). */
export const qwenAttention = (config: QwenTextConfig, interleaved: boolean): AttentionKind => {
  const headWidth = headWidthOf(config)
  const rotary = sectionedRotary({ headWidth, theta: config.rope_theta, sections: config.rope_scaling?.mrope_section ?? [headWidth / 2], interleaved })
  return { name: "full", rotary: () => rotary }
}

/** What a session must know of the decoder (see `DecoderShape`). */
export const qwenDecoderShape = (config: QwenTextConfig, levels: number) => ({
  width: config.hidden_size,
  vocabulary: config.vocab_size,
  layers: config.num_hidden_layers,
  kvHeads: config.num_key_value_heads,
  headWidth: headWidthOf(config),
  kinds: ["full"],
  levels,
  adapters: []
})

/** Where a decoder's tensors are, and what its layers have. */
export interface QwenDecoderParts {
  /** Prefix of `embed_tokens`, `layers` and `norm`. */
  readonly model: string
  /** Prefix of the head's `weight`. */
  readonly head: string
  /** The token table is the head. */
  readonly tied: boolean
  readonly qkvBias: boolean
  /** Norms of each head's queries and keys (Qwen3). */
  readonly headNorms: boolean
  /** Extra rows added after decoder layers 0.. (deepstack). */
  readonly levels: number
}

/** Where a vision-language checkpoint keeps its parts. */
export interface PartPrefixes {
  readonly visual: string
  readonly model: string
  readonly head: string
}

/** As published with Qwen2-VL and Qwen2.5-VL (`visual`, `model`), or as Qwen3-VL and later versions of transformers save (`model.visual`, `model.language_model`). */
export const partPrefixes = (checkpoint: Checkpoint): PartPrefixes =>
  checkpoint.tensors.has("model.language_model.norm.weight")
    ? { visual: "model.visual", model: "model.language_model", head: "lm_head" }
    : { visual: "visual", model: "model", head: "lm_head" }

/** Whether the token table is the head: said so, or there is no head. `flags`: `tie_word_embeddings`, wherever config.json has it. */
export const isTied = (checkpoint: Checkpoint, head: string, ...flags: ReadonlyArray<boolean | undefined>): boolean =>
  flags.includes(true) || !checkpoint.tensors.has(`${head}.weight`)

/** The graphs `embed` and `decoder`. */
export const qwenDecoderGraphs = (config: QwenTextConfig, { head, headNorms, levels, model, qkvBias, tied }: QwenDecoderParts): ReadonlyArray<GraphSource> => {
  const { hidden_size: width, vocab_size: vocabulary } = config
  return [
    { name: "embed", build: (graph, weights) => tokenEmbedding(graph, weights.at(model), "embed_tokens.weight", vocabulary, width) },
    {
      name: "decoder",
      build: (graph, weights) =>
        decoder(
          graph,
          weights.at(model),
          tied ? weights.at(model).tensor("embed_tokens.weight", [vocabulary, width]) : weights.at(head).tensor("weight", [vocabulary, width]),
          {
            width,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            kvHeads: config.num_key_value_heads,
            headWidth: headWidthOf(config),
            inner: config.intermediate_size,
            vocabulary,
            epsilon: config.rms_norm_eps,
            activation: silu,
            qkvBias,
            headNorms,
            kinds: ["full"],
            kindOf: () => 0,
            levels
          }
        )
    }
  ]
}
