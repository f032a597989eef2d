import { Effect, Schema } from "effect"
import { decodeConfig, flag, int, number, record, text } from "../../checkpoint/config-fields.ts"
import type { AttentionKind } from "../../core/attention-inputs.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import type { GraphSource } from "../compile.ts"
import { decoder } from "./decoder.ts"
import { activations } from "./feed-forward.ts"
import { llama3Rotary, type Llama3Scaling } from "./llama3-rotary.ts"
import { plainRotary } from "./plain-rotary.ts"
import { tokenEmbedding } from "./token-embedding.ts"

/** What a text configuration means where config.json does not say; names as there. */
export interface LlamaDefaults {
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  /** Absent: as many as there are heads. */
  readonly num_key_value_heads?: number
  /** Absent: hidden_size / num_attention_heads. */
  readonly head_dim?: number
  readonly max_position_embeddings: number
  readonly rms_norm_eps: number
  readonly rope_theta: number
}

/** Of transformers' `LlamaConfig`. */
export const llamaDefaults: LlamaDefaults = {
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000
}

/** Of transformers' `Qwen2Config`. */
export const qwen2Defaults: LlamaDefaults = {
  vocab_size: 151936,
  hidden_size: 4096,
  intermediate_size: 22016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 10000
}

/** Of transformers' `Qwen3Config`. */
export const qwen3Defaults: LlamaDefaults = { ...qwen2Defaults, head_dim: 128 }

/** A decoder with one kind of attention and one position a row, as config.json describes it (Llama, Qwen2). */
export interface LlamaConfig {
  readonly vocabulary: number
  readonly width: number
  /** Width of the feed-forward. */
  readonly inner: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headWidth: number
  readonly epsilon: number
  readonly activation: string
  readonly theta: number
  /** Positions are divided by it (linear scaling). */
  readonly factor: number
  /** Slow pairs turn slower still (Llama 3.1). */
  readonly llama3?: Llama3Scaling
  readonly maxPositions: number
  /** `tie_word_embeddings`, where it is said. */
  readonly tied: boolean | undefined
}

const Scaling = Schema.Struct({
  rope_type: Schema.optional(Schema.String),
  type: Schema.optional(Schema.String),
  factor: Schema.optional(Schema.Finite),
  rope_theta: Schema.optional(Schema.Finite),
  low_freq_factor: Schema.optional(Schema.Finite),
  high_freq_factor: Schema.optional(Schema.Finite),
  original_max_position_embeddings: Schema.optional(Schema.Finite)
})
const scaling = Schema.optional(Schema.NullOr(Scaling))

const fields = (defaults: LlamaDefaults) =>
  Schema.Struct({
    vocab_size: int(defaults.vocab_size),
    hidden_size: int(defaults.hidden_size),
    intermediate_size: int(defaults.intermediate_size),
    num_hidden_layers: int(defaults.num_hidden_layers),
    num_attention_heads: int(defaults.num_attention_heads),
    num_key_value_heads: Schema.optional(Schema.NullOr(Schema.Int)),
    head_dim: Schema.optional(Schema.NullOr(Schema.Int)),
    hidden_act: text("silu"),
    max_position_embeddings: int(defaults.max_position_embeddings),
    rms_norm_eps: number(defaults.rms_norm_eps),
    rope_theta: number(defaults.rope_theta),
    rope_scaling: scaling,
    /** As transformers 5 writes `rope_scaling` and `rope_theta`. */
    rope_parameters: scaling,
    attention_bias: flag(false),
    mlp_bias: flag(false),
    use_sliding_window: flag(false),
    tie_word_embeddings: Schema.optional(Schema.Boolean)
  })

/** Reads a text configuration. Fails with `CheckpointUnreadable` that names the field, also for what would be run wrongly. `place`: what the fields stand in (`text_config.`). */
export const parseLlama = (config: unknown, defaults: LlamaDefaults, path: string, place = ""): Effect.Effect<LlamaConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(fields(defaults), record(config), path)
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${place}${field} ${why}` })
    for (const field of ["attention_bias", "mlp_bias", "use_sliding_window"] as const)
      if (read[field]) return yield* refuse(field, "is true, which is not run here")
    if (!(read.hidden_act in activations)) return yield* refuse("hidden_act", `is ${read.hidden_act}; known are ${Object.keys(activations).join(", ")}`)
    const heads = read.num_attention_heads
    const kvHeads = read.num_key_value_heads ?? defaults.num_key_value_heads ?? heads
    if (heads < 1 || kvHeads < 1 || heads % kvHeads !== 0) return yield* refuse("num_attention_heads", `is ${heads}, no multiple of ${kvHeads} heads of keys`)
    const headWidth = read.head_dim ?? defaults.head_dim ?? read.hidden_size / heads
    if (!Number.isInteger(headWidth) || headWidth % 2 !== 0)
      return yield* refuse("hidden_size", `is ${read.hidden_size}; ${heads} heads of ${headWidth} numbers cannot turn in pairs`)
    const rope = { ...read.rope_parameters, ...read.rope_scaling }
    const kind = rope.rope_type ?? rope.type ?? "default"
    if (kind !== "default" && kind !== "linear" && kind !== "llama3")
      return yield* refuse("rope_scaling", `is ${kind}; linear or llama3 scaling, or none, is run here`)
    if (kind !== "default" && !((rope.factor ?? 0) > 0)) return yield* refuse("rope_scaling.factor", "is not above 0")
    const llama3 = {
      factor: rope.factor ?? 1,
      low: rope.low_freq_factor ?? 1,
      high: rope.high_freq_factor ?? 4,
      original: rope.original_max_position_embeddings ?? read.max_position_embeddings
    }
    if (kind === "llama3" && !(llama3.high > llama3.low && llama3.low > 0 && llama3.original > 0))
      return yield* refuse(
        "rope_scaling",
        `has low_freq_factor ${llama3.low}, high_freq_factor ${llama3.high}, original_max_position_embeddings ${llama3.original}`
      )
    return {
      vocabulary: read.vocab_size,
      width: read.hidden_size,
      inner: read.intermediate_size,
      layers: read.num_hidden_layers,
      heads,
      kvHeads,
      headWidth,
      epsilon: read.rms_norm_eps,
      activation: read.hidden_act,
      theta: read.rope_parameters?.rope_theta ?? read.rope_theta,
      factor: kind === "linear" ? (rope.factor ?? 1) : 1,
      ...(kind === "llama3" ? { llama3 } : {}),
      maxPositions: read.max_position_embeddings,
      tied: read.tie_word_embeddings
    }
  })

/** The one kind of attention. */
export const llamaAttention = ({ factor, headWidth, llama3, theta }: LlamaConfig): AttentionKind => {
  const rotary = llama3 === undefined ? plainRotary({ headWidth, theta, factor }) : llama3Rotary({ headWidth, theta }, llama3)
  return { name: "full", rotary: () => rotary }
}

/** What a session must know of the decoder's graph. */
export const llamaShape = ({ headWidth, kvHeads, layers, vocabulary, width }: LlamaConfig) => ({
  width,
  vocabulary,
  layers,
  kvHeads,
  headWidth,
  kinds: ["full"],
  levels: 0,
  adapters: []
})

/** Where a decoder's tensors are, and what its layers have. */
export interface LlamaDecoderParts {
  /** Prefix of `embed_tokens`, `layers` and `norm`. */
  readonly model: string
  /** Prefix of the head's `weight`. */
  readonly head: string
  /** The token table is the head. */
  readonly tied: boolean
  /** Biases of query, key and value (Qwen2). */
  readonly qkvBias: boolean
  /** Norms of each head's queries and keys (Qwen3). */
  readonly headNorms?: boolean
}

/** The graphs `embed` and `decoder`. */
export const llamaGraphs = (config: LlamaConfig, { head, headNorms = false, model, qkvBias, tied }: LlamaDecoderParts): ReadonlyArray<GraphSource> => {
  const { activation, epsilon, headWidth, heads, inner, kvHeads, layers, vocabulary, width } = config
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
            layers,
            heads,
            kvHeads,
            headWidth,
            inner,
            vocabulary,
            epsilon,
            activation: activations[activation],
            qkvBias,
            headNorms,
            kinds: ["full"],
            kindOf: () => 0,
            levels: 0
          }
        )
    }
  ]
}
