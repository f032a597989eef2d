import { add, concat, expand, gather, gelu, matMul, multiHeadAttention, reduceMean, reshape, shapeOf, slice } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { twoLayer } from "../../compile/blocks/feed-forward.ts"
import { llamaGraphs } from "../../compile/blocks/llama-decoder.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { packedProjection } from "../../compile/blocks/packed-attention.ts"
import { patchesAcross } from "../../compile/blocks/siglip-vision.ts"
import { visionTowerLayers } from "../../compile/blocks/vision-tower-config.ts"
import { patchEmbedding, visionLayer } from "../../compile/blocks/vision-transformer.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { Weights } from "../../compile/weights.ts"
import { int64 } from "../../tensor/tensor.ts"
import type { MiniCpmConfig } from "./config.ts"

const EPSILON = 1e-6

/** Where a checkpoint keeps its parts. */
const namesOf = ({ modelType }: MiniCpmConfig) =>
  modelType === "minicpmv"
    ? { model: "llm.model", head: "llm.lm_head", vision: "vpm", projector: "resampler" }
    : { model: "model.language_model", head: "lm_head", vision: "model.vision_tower", projector: "model.merger" }

/** Parts of a checkpoint that are not read: the encoder's last layer, where it is dropped, and a head that is the token table. */
export const skipped =
  (config: MiniCpmConfig, tied: boolean) =>
  (name: string): boolean => {
    const { head, vision } = namesOf(config)
    return (
      (tied && name === `${head}.weight`) ||
      (config.modelType === "minicpmv" && name.startsWith(`${vision}.encoder.layers.${config.vision.num_hidden_layers}.`))
    )
  }

/** Name of the head's tensor. */
export const headOf = (config: MiniCpmConfig): string => `${namesOf(config).head}.weight`

/** `pixels` [parts, 3, patch, patches x patch], patches side by side, and `positions` [patches] to hidden rows [parts, patches, width], before any layer. */
const embedded = (graph: GraphBuilder, weights: Weights, { vision }: MiniCpmConfig): Value => {
  const { hidden_size: width, num_channels: channels, patch_size: patchSize } = vision
  const rows = patchEmbedding(graph.input("pixels", "float32", ["parts", channels, patchSize, "strip"]), weights, { width, channels, patchSize, bias: true })
  return add(rows, gather(weights.tensor("position_embedding.weight", [patchesAcross(vision) ** 2, width]), graph.input("positions", "int64", ["patches"]), 0))
}

/** Encoder layers `from` to `to`, without `to`. */
const layers = (x: Value, weights: Weights, { vision }: MiniCpmConfig, from: number, to: number): Value => {
  let hidden = x
  for (let i = from; i < to; i++) hidden = visionLayer(hidden, weights.at(`encoder.layers.${i}`), visionTowerLayers(vision))
  return hidden
}

/**
 * Resampler: hidden rows [parts, patches, inputs] to [parts, queries, width]. Learned queries look at the patches, whose keys alone are moved by
 * sines and cosines of column (first half) and row (published resampler.py).
 */
const resampler = (graph: GraphBuilder, hidden: Value, weights: Weights, inputs: number, width: number, queries: number): Value => {
  const half = width / 2
  const place = (axis: string) => gather(graph.input(`${axis}_waves`, "float32", [`${axis}s`, half]), graph.input(axis, "int64", ["patches"]), 0)
  const rows = inputs === width && !weights.has("kv_proj.weight") ? hidden : linear(hidden, weights, "kv_proj", inputs, width, false)
  const values = layer(rows, weights, "ln_kv", width, EPSILON)
  const keys = add(values, concat([place("column"), place("row")], 1))
  const attention = weights.at("attn")
  const learned = packedProjection(layer(weights.tensor("query", [queries, width]), weights, "ln_q", width, EPSILON), attention, "query", width)
  const parts = concat([slice(shapeOf(hidden), { axis: 0, from: 0, to: 1 }), graph.constant(int64([2], [queries, width]))], 0)
  const asked = expand(reshape(learned, [1, queries, width]), parts, [hidden.shape[0], queries, width])
  const mixed = multiHeadAttention(asked, packedProjection(keys, attention, "key", width), packedProjection(values, attention, "value", width), {
    heads: width / 128
  })
  const out = layer(linear(mixed, attention, "out_proj", width, width, true), weights, "ln_post", width, EPSILON)
  return matMul(out, weights.tensor("proj", [width, width]))
}

/** Blocks of four rows as one: rows [parts, rows, width], taken in the order of the input `name` [rows], to [parts, rows / 4, 4 x width]. */
const joined = (graph: GraphBuilder, hidden: Value, name: string, width: number): Value =>
  reshape(gather(hidden, graph.input(name, "int64", [`${name} rows`]), 1), [0, -1, 4 * width])

/** Windows of 2 x 2 become one row: attention within each, then a feed-forward over the four, plus their mean (transformers `MiniCPMV4_6ViTWindowAttentionMerger`). */
const windowMerger = (graph: GraphBuilder, hidden: Value, weights: Weights, { vision }: MiniCpmConfig): Value => {
  const { hidden_size: width, intermediate_size: inner, layer_norm_eps: epsilon, num_attention_heads: heads } = vision
  const windows = reshape(joined(graph, hidden, "windows", width), [0, -1, width])
  const rows = reshape(windows, [-1, 4, width])
  const normed = layer(rows, weights, "layer_norm1", width, epsilon)
  const attention = weights.at("self_attn")
  const [queries, keys, values] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(normed, attention, name, width, width, true))
  const seen = add(rows, linear(multiHeadAttention(queries, keys, values, { heads }), attention, "out_proj", width, width, true))
  const flat = layer(reshape(seen, [-1, 4 * width]), weights, "pre_norm", 4 * width, epsilon)
  const merged = add(
    twoLayer(flat, weights, ["linear_1", "linear_2"], 4 * width, 4 * inner, width, (x) => gelu(x, "tanh")),
    reduceMean(seen, [1], { keepDims: false })
  )
  // Back to parts: as many as there were.
  const parts = concat([slice(shapeOf(hidden), { axis: 0, from: 0, to: 1 }), graph.constant(int64([2], [-1, width]))], 0)
  return reshape(merged, parts, [hidden.shape[0], "merged", width])
}

/** Blocks of 2 x 2 joined and projected, as often as the configuration says (transformers `MiniCPMV4_6Merger`). */
const merger = (graph: GraphBuilder, hidden: Value, weights: Weights, width: number, outputs: number, times: number): Value => {
  let rows = hidden
  for (let i = 0; i < times; i++) {
    const round = weights.at(`mlp.${i}`)
    const flat = layer(joined(graph, rows, `blocks.${i}`, width), round, "pre_norm", 4 * width, EPSILON)
    rows = twoLayer(flat, round, ["linear_1", "linear_2"], 4 * width, 4 * width, i === times - 1 ? outputs : width, (x) => gelu(x, "none"))
  }
  return rows
}

/** The graphs `embed`, `decoder`, `vision`; in 4.6 also `window_merger` and `vision_rest`, so that one mode does without the merger. */
export const graphsOf = (config: MiniCpmConfig, tied: boolean): ReadonlyArray<GraphSource> => {
  const { headNorms, projection, qkvBias, text, vision } = config
  const names = namesOf(config)
  const { hidden_size: width, layer_norm_eps: epsilon, num_hidden_layers: depth } = vision
  const decoder = llamaGraphs(text, { model: names.model, head: names.head, tied, qkvBias, headNorms })
  if (projection._tag === "Resampler") {
    return [
      ...decoder,
      {
        name: "vision",
        build: (graph, weights) => {
          const tower = weights.at(names.vision)
          const hidden = layer(layers(embedded(graph, tower.at("embeddings"), config), tower, config, 0, depth), tower, "post_layernorm", width, epsilon)
          graph.output("embeddings", resampler(graph, hidden, weights.at(names.projector), width, text.width, projection.queries))
        }
      }
    ]
  }
  const { after, times } = projection
  const hidden = (graph: GraphBuilder) => graph.input("hidden", "float32", ["parts", "patches", width])
  return [
    ...decoder,
    {
      name: "vision",
      build: (graph, weights) =>
        graph.output("hidden", layers(embedded(graph, weights.at(names.vision).at("embeddings"), config), weights.at(names.vision), config, 0, after + 1))
    },
    {
      name: "window_merger",
      build: (graph, weights) => graph.output("merged", windowMerger(graph, hidden(graph), weights.at(`${names.vision}.vit_merger`), config))
    },
    {
      name: "vision_rest",
      build: (graph, weights) => {
        const tower = weights.at(names.vision)
        const last = layer(layers(hidden(graph), tower, config, after + 1, depth), tower, "post_layernorm", width, epsilon)
        graph.output("embeddings", merger(graph, last, weights.at(names.projector), width, text.width, times))
      }
    }
  ]
}
