import { decoder } from "../../compile/blocks/decoder.ts"
import { tokenEmbedding } from "../../compile/blocks/token-embedding.ts"
import type { GraphSource } from "../../compile/compile.ts"
import { silu } from "../../onnx/ops.ts"
import { audioEncoder, audioProjector } from "./audio-graphs.ts"
import type { OmniConfig } from "./config.ts"
import { visionEncoder, visionProjector } from "./vision-graphs.ts"

/** Numbers in one attention head of the decoder. */
export const headWidthOf = (text: OmniConfig["text_config"]): number => text.head_dim ?? text.hidden_size / text.num_attention_heads

/** The Thinker's graphs. `prefix`: `thinker.` in a whole Omni checkpoint, empty where it was saved alone; `tied`: the token table is the head. */
export const graphsOf = (config: OmniConfig, prefix: string, tied: boolean): ReadonlyArray<GraphSource> => {
  const { audio_config, text_config: text, vision_config } = config
  const headWidth = headWidthOf(text)
  return [
    { name: "embed", build: (graph, weights) => tokenEmbedding(graph, weights.at(`${prefix}model`), "embed_tokens.weight", text.vocab_size, text.hidden_size) },
    {
      name: "decoder",
      build: (graph, weights) => decoder(
        graph, weights.at(`${prefix}model`),
        tied ? weights.at(`${prefix}model`).tensor("embed_tokens.weight", [text.vocab_size, text.hidden_size]) : weights.at(`${prefix}lm_head`).tensor("weight", [text.vocab_size, text.hidden_size]),
        {
          width: text.hidden_size, layers: text.num_hidden_layers, heads: text.num_attention_heads, kvHeads: text.num_key_value_heads, headWidth,
          inner: text.intermediate_size, vocabulary: text.vocab_size, epsilon: text.rms_norm_eps, activation: silu, qkvBias: true, kinds: ["full"], kindOf: () => 0, levels: 0
        }
      )
    },
    { name: "vision", build: (graph, weights) => visionEncoder(graph, weights.at(`${prefix}visual`), vision_config) },
    { name: "vision_projector", build: (graph, weights) => visionProjector(graph, weights.at(`${prefix}visual.merger`), vision_config) },
    { name: "audio", build: (graph, weights) => audioEncoder(graph, weights.at(`${prefix}audio_tower`), audio_config) },
    { name: "audio_projector", build: (graph, weights) => audioProjector(graph, weights.at(`${prefix}audio_tower`), audio_config) }
  ]
}

