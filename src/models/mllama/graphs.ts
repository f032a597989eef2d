import { crossMemory } from "../../compile/blocks/cross-attention.ts"
import { decoder, type DecoderSpec } from "../../compile/blocks/decoder.ts"
import { activations } from "../../compile/blocks/feed-forward.ts"
import { tokenEmbedding } from "../../compile/blocks/token-embedding.ts"
import type { GraphSource } from "../../compile/compile.ts"
import { EXTRA_TOKENS, type MllamaConfig } from "./config.ts"
import { type MllamaNames, vision } from "./vision.ts"

/** As published, and as transformers 5 names its modules. */
export const layouts: ReadonlyArray<MllamaNames> = [
  { model: "language_model.model", head: "language_model.lm_head", vision: "vision_model", projector: "multi_modal_projector" },
  { model: "model.language_model", head: "lm_head", vision: "model.vision_model", projector: "model.multi_modal_projector" }
]

const decoderSpec = ({ crossLayers, text }: MllamaConfig): DecoderSpec => {
  const { activation, epsilon, headWidth, heads, inner, kvHeads, layers, vocabulary, width } = text
  return {
    width,
    layers,
    heads,
    kvHeads,
    headWidth,
    inner,
    vocabulary,
    epsilon,
    activation: activations[activation],
    qkvBias: false,
    kinds: ["full"],
    kindOf: () => 0,
    levels: 0,
    crossLayers
  }
}

/** The graphs `embed`, `decoder`, `memory` and `vision`. The token table is longer than the head, so the two are never one. */
export const graphsOf = (config: MllamaConfig, names: MllamaNames): ReadonlyArray<GraphSource> => {
  const { vocabulary, width } = config.text
  return [
    { name: "embed", build: (graph, weights) => tokenEmbedding(graph, weights.at(names.model), "embed_tokens.weight", vocabulary + EXTRA_TOKENS, width) },
    {
      name: "decoder",
      build: (graph, weights) => decoder(graph, weights.at(names.model), weights.at(names.head).tensor("weight", [vocabulary, width]), decoderSpec(config))
    },
    { name: "memory", build: (graph, weights) => crossMemory(graph, weights.at(names.model), decoderSpec(config)) },
    { name: "vision", build: (graph, weights) => vision(graph, weights, names, config) }
  ]
}
