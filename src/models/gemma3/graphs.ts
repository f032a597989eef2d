import { averagePool, matMul, reshape, transpose } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import { activations } from "../../compile/blocks/feed-forward.ts"
import { decoder } from "../../compile/blocks/decoder.ts"
import { rms } from "../../compile/blocks/normalization.ts"
import { patchesAcross, siglipVision } from "../../compile/blocks/siglip-vision.ts"
import { tokenEmbedding } from "../../compile/blocks/token-embedding.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { Weights } from "../../compile/weights.ts"
import type { GemmaConfig } from "./config.ts"

/** Names of the kinds of attention, in the order of `Family.attention`. */
export const kinds = ["full", "sliding"] as const

/** Where a checkpoint keeps its parts. */
export interface GemmaNames {
  /** Holds `embed_tokens`, `layers`, `norm`. */
  readonly model: string
  /** The head. */
  readonly head: string
  /** Holds `embeddings`, `encoder`, `post_layernorm`. */
  readonly vision: string
  readonly projector: string
}

/** As published, and as transformers 5 names its modules. */
export const layouts: ReadonlyArray<GemmaNames> = [
  { model: "language_model.model", head: "language_model.lm_head", vision: "vision_tower.vision_model", projector: "multi_modal_projector" },
  { model: "model.language_model", head: "lm_head", vision: "model.vision_tower.vision_model", projector: "model.multi_modal_projector" },
  { model: "model.language_model", head: "lm_head", vision: "model.vision_tower", projector: "model.multi_modal_projector" }
]

/** Projector: patches averaged to fewer, norm, one matrix (transformers `Gemma3MultiModalProjector`). [tiles, patches, width] to [tiles, rows, outputs]. */
const projector = (hidden: Value, weights: Weights, { rowsAcross, text, vision }: GemmaConfig): Value => {
  const { hidden_size: width, layer_norm_eps: epsilon } = vision
  const across = patchesAcross(vision)
  const kernel = Math.floor(across / rowsAcross)
  const planes = reshape(transpose(hidden, [0, 2, 1]), [-1, width, across, across])
  const pooled = averagePool(planes, { kernel: [kernel, kernel], strides: [kernel, kernel] })
  const rows = transpose(reshape(pooled, [-1, width, rowsAcross ** 2]), [0, 2, 1])
  return matMul(rms(rows, weights, "mm_soft_emb_norm", width, epsilon, true), weights.tensor("mm_input_projection_weight", [width, text.hidden_size]))
}

/** The graphs `embed`, `decoder` and `vision`. */
export const graphsOf = (config: GemmaConfig, names: GemmaNames, tied: boolean): ReadonlyArray<GraphSource> => {
  const { attention, text, vision } = config
  const { hidden_size: width, vocab_size: vocabulary } = text
  return [
    { name: "embed", build: (graph, weights) => tokenEmbedding(graph, weights.at(names.model), "embed_tokens.weight", vocabulary, width, Math.sqrt(width)) },
    {
      name: "decoder",
      build: (graph, weights) =>
        decoder(
          graph,
          weights.at(names.model),
          tied ? weights.at(names.model).tensor("embed_tokens.weight", [vocabulary, width]) : weights.at(names.head).tensor("weight", [vocabulary, width]),
          {
            width,
            layers: text.num_hidden_layers,
            heads: text.num_attention_heads,
            kvHeads: text.num_key_value_heads,
            headWidth: text.head_dim,
            inner: text.intermediate_size,
            vocabulary,
            epsilon: text.rms_norm_eps,
            activation: activations.gelu_pytorch_tanh,
            qkvBias: false,
            headNorms: true,
            sandwich: true,
            plusOne: true,
            scale: text.query_pre_attn_scalar ** -0.5,
            kinds,
            kindOf: (layer) => (attention.isFull[layer] ? 0 : 1),
            levels: 0
          }
        )
    },
    {
      name: "vision",
      build: (graph, weights) => {
        const pixels = graph.input("pixels", "float32", ["tiles", vision.num_channels, vision.image_size, vision.image_size])
        graph.output("embeddings", projector(siglipVision(pixels, weights.at(names.vision), vision), weights.at(names.projector), config))
      }
    }
  ]
}
