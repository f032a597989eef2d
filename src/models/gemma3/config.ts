import { Effect, Schema } from "effect"
import { decodeConfig, flag, int, number, record } from "../../checkpoint/config-fields.ts"
import { patchesAcross, siglipConfig, siglipDefaults } from "../../compile/blocks/siglip-vision.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"

const Scaling = Schema.Struct({
  rope_type: Schema.optional(Schema.String),
  type: Schema.optional(Schema.String),
  rope_theta: Schema.optional(Schema.Finite),
  factor: Schema.optional(Schema.Finite)
})
const scaling = Schema.optional(Schema.NullOr(Scaling))

/** `text_config`; defaults are those of transformers' Gemma3TextConfig. */
const TextConfig = Schema.Struct({
  vocab_size: int(262208),
  hidden_size: int(2304),
  intermediate_size: int(9216),
  num_hidden_layers: int(26),
  num_attention_heads: int(8),
  num_key_value_heads: int(4),
  head_dim: int(256),
  hidden_activation: Schema.optional(Schema.Literal("gelu_pytorch_tanh")),
  max_position_embeddings: int(131072),
  rms_norm_eps: number(1e-6),
  query_pre_attn_scalar: number(256),
  sliding_window: int(4096),
  sliding_window_pattern: int(6),
  layer_types: Schema.optional(Schema.NullOr(Schema.Array(Schema.Literals(["full_attention", "sliding_attention"])))),
  rope_theta: number(1e6),
  rope_local_base_freq: number(1e4),
  rope_scaling: scaling,
  /** As transformers 5 writes it: one for each kind of attention. */
  rope_parameters: Schema.optional(Schema.NullOr(Schema.Struct({ full_attention: scaling, sliding_attention: scaling }))),
  attention_bias: flag(false),
  use_bidirectional_attention: Schema.optional(Schema.NullOr(Schema.Boolean)),
  final_logit_softcapping: Schema.optional(Schema.NullOr(Schema.Finite)),
  attn_logit_softcapping: Schema.optional(Schema.NullOr(Schema.Finite)),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

const GemmaConfig = Schema.Struct({
  text_config: TextConfig,
  vision_config: siglipConfig(siglipDefaults),
  mm_tokens_per_image: int(256),
  boi_token_index: int(255999),
  eoi_token_index: int(256000),
  image_token_index: int(262144),
  tie_word_embeddings: Schema.optional(Schema.Boolean)
})

/** How the decoder's two kinds of attention turn, and which layer has which. */
export interface GemmaAttention {
  /** Of layers that see all. `factor`: positions are divided by it. */
  readonly full: { readonly theta: number; readonly factor: number }
  /** Of layers that see `window` cells. */
  readonly sliding: { readonly theta: number; readonly window: number }
  /** For each layer. */
  readonly isFull: ReadonlyArray<boolean>
}

/** config.json of a Gemma 3 checkpoint that sees, read. */
export interface GemmaConfig {
  readonly text: typeof TextConfig.Type
  readonly vision: (typeof GemmaConfig.Type)["vision_config"]
  readonly attention: GemmaAttention
  /** Rows of one picture, along a side. */
  readonly rowsAcross: number
  readonly ids: { readonly start: number; readonly end: number; readonly row: number }
  readonly tied: boolean
}

/** Reads the configuration. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<GemmaConfig, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const read = yield* decodeConfig(GemmaConfig, { ...config, text_config: record(config.text_config), vision_config: record(config.vision_config) }, path)
    const { mm_tokens_per_image: rows, text_config: text, vision_config: vision } = read
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    for (const [field, value] of Object.entries({
      attention_bias: text.attention_bias,
      use_bidirectional_attention: text.use_bidirectional_attention ?? false,
      final_logit_softcapping: text.final_logit_softcapping !== undefined && text.final_logit_softcapping !== null,
      attn_logit_softcapping: text.attn_logit_softcapping !== undefined && text.attn_logit_softcapping !== null
    }))
      if (value) return yield* refuse(`text_config.${field}`, "is set; no published Gemma 3 has it, and it is not run here")
    if (text.num_key_value_heads < 1 || text.num_attention_heads % text.num_key_value_heads !== 0)
      return yield* refuse("text_config.num_attention_heads", `is ${text.num_attention_heads}, no multiple of ${text.num_key_value_heads} heads of keys`)
    const isFull =
      text.layer_types?.map((type) => type === "full_attention") ??
      Array.from({ length: text.num_hidden_layers }, (_, i) => (i + 1) % text.sliding_window_pattern === 0)
    if (isFull.length !== text.num_hidden_layers) return yield* refuse("text_config.layer_types", `names ${isFull.length} layers of ${text.num_hidden_layers}`)

    const { full_attention: full, sliding_attention: sliding } = text.rope_parameters ?? {}
    const scaled = { ...full, ...text.rope_scaling }
    const kind = scaled.rope_type ?? scaled.type ?? "default"
    if (kind !== "default" && kind !== "linear") return yield* refuse("text_config.rope_scaling", `is ${kind}; linear scaling, or none, is run here`)
    if ((sliding?.rope_type ?? "default") !== "default")
      return yield* refuse("text_config.rope_parameters.sliding_attention", `is ${sliding?.rope_type}; sliding layers are not scaled`)
    if (kind === "linear" && !((scaled.factor ?? 0) > 0)) return yield* refuse("text_config.rope_scaling.factor", "is not above 0")

    const rowsAcross = Math.floor(rows ** 0.5)
    const across = patchesAcross(vision)
    if (rowsAcross < 1 || Math.floor(across / Math.floor(across / rowsAcross)) !== rowsAcross) {
      return yield* refuse("mm_tokens_per_image", `is ${rows}; ${across} x ${across} patches cannot be averaged to that many rows`)
    }
    return {
      text,
      vision,
      rowsAcross,
      ids: { start: read.boi_token_index, end: read.eoi_token_index, row: read.image_token_index },
      // Published files leave true unsaid.
      tied: read.tie_word_embeddings ?? text.tie_word_embeddings ?? true,
      attention: {
        full: { theta: full?.rope_theta ?? text.rope_theta, factor: kind === "linear" ? (scaled.factor ?? 1) : 1 },
        sliding: { theta: sliding?.rope_theta ?? text.rope_local_base_freq, window: text.sliding_window },
        isFull
      }
    }
  })
