import { add, gather, reshape } from "../../onnx/ops.ts"
import type { GraphBuilder } from "../../onnx/graph-builder.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { llamaGraphs } from "../../compile/blocks/llama-decoder.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { averageNeighbours, WHISPER_EPSILON, whisperConvolutions, whisperLayer, type WhisperSpec } from "../../compile/blocks/whisper-encoder.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { Weights } from "../../compile/weights.ts"
import type { Qwen2AudioConfig } from "./config.ts"

/** Where a checkpoint keeps its parts. */
export interface Qwen2AudioNames {
  /** Holds `embed_tokens`, `layers`, `norm`. */
  readonly model: string
  readonly head: string
  readonly audio: string
  readonly projector: string
}

/** As published, and as transformers 5 names its modules. */
export const layouts: ReadonlyArray<Qwen2AudioNames> = [
  { model: "language_model.model", head: "language_model.lm_head", audio: "audio_tower", projector: "multi_modal_projector" },
  { model: "model.language_model", head: "lm_head", audio: "model.audio_tower", projector: "model.multi_modal_projector" }
]

/**
 * Encoder and projector: `mel` [1, bins, frames], frames past the end of the sound among them, to `embeddings` [rows / 2, width] of the convolved rows that
 * `positions` [rows] counts. The reference runs the whole window and hides the rows behind the sound from attention; leaving them out is the same
 * (transformers 5.18 `Qwen2AudioEncoder`: learned positions, neighbours averaged, then the norm).
 */
const audio = (graph: GraphBuilder, weights: Weights, names: Qwen2AudioNames, { audio: config, text }: Qwen2AudioConfig): void => {
  const { d_model: width, max_source_positions: most, num_mel_bins: bins } = config
  const spec: WhisperSpec = { bins, width, heads: config.encoder_attention_heads, inner: config.encoder_ffn_dim }
  const tower = weights.at(names.audio)
  const positions = graph.input("positions", "int64", ["rows"])
  const features = whisperConvolutions(graph.input("mel", "float32", [1, bins, "frames"]), tower, spec)
  let x = add(gather(features, positions, 1), gather(tower.tensor("embed_positions.weight", [most, width]), positions, 0))
  for (let i = 0; i < config.encoder_layers; i++) x = whisperLayer(x, tower.at(`layers.${i}`), spec)
  const rows = layer(reshape(averageNeighbours(x), [-1, width]), tower, "layer_norm", width, WHISPER_EPSILON)
  graph.output("embeddings", linear(rows, weights.at(names.projector), "linear", width, text.width, true))
}

/** The graphs `embed`, `decoder` and `audio`. */
export const graphsOf = (config: Qwen2AudioConfig, names: Qwen2AudioNames, tied: boolean): ReadonlyArray<GraphSource> => [
  ...llamaGraphs(config.text, { model: names.model, head: names.head, tied, qkvBias: true }),
  { name: "audio", build: (graph, weights) => audio(graph, weights, names, config) }
]
