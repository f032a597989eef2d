import { adaptedLinear } from "../../compile/blocks/adapted-linear.ts"
import { decoder } from "../../compile/blocks/decoder.ts"
import { activations } from "../../compile/blocks/feed-forward.ts"
import { tokenEmbedding } from "../../compile/blocks/token-embedding.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { AdapterFigures } from "../../checkpoint/adapter-files.ts"
import { audioEncoder, audioRows } from "./audio-graphs.ts"
import type { PhiConfig } from "./config.ts"
import { EXTEND, type PhiNames } from "./names.ts"
import { separators, vision } from "./vision-graphs.ts"

/** The graphs `embed`, `decoder`, `vision`, `separators`, `audio_rows` and `audio`. */
export const graphsOf = (config: PhiConfig, names: PhiNames, adapters: ReadonlyArray<AdapterFigures>): ReadonlyArray<GraphSource> => {
  const { activation, epsilon, headWidth, heads, inner, kvHeads, layers, vocabulary, width } = config.text
  return [
    { name: "embed", build: (graph, weights) => tokenEmbedding(graph, weights.at("model"), "embed_tokens.weight", vocabulary, width) },
    {
      name: "decoder",
      build: (graph, weights) =>
        decoder(graph, weights.at("model"), weights.tensor(config.tied ? "model.embed_tokens.weight" : "lm_head.weight", [vocabulary, width]), {
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
          rotaryWidth: config.rotaryWidth,
          fused: true,
          linear: adaptedLinear(graph, adapters, names.base)
        })
    },
    { name: "vision", build: (graph, weights) => vision(graph, weights.at(`${EXTEND}.image_embed`), config, names) },
    { name: "separators", build: (graph, weights) => separators(graph, weights.at(`${EXTEND}.image_embed`), config, names) },
    { name: "audio_rows", build: (graph, weights) => audioRows(graph, weights.at(`${EXTEND}.audio_embed.encoder`), config.audio) },
    { name: "audio", build: (graph, weights) => audioEncoder(graph, weights.at(`${EXTEND}.audio_embed`), config.audio, names, width) }
  ]
}
