import { add, gather, gelu, multiHeadAttention, reshape, rotaryEmbedding, silu } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { gated } from "../../compile/blocks/feed-forward.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { rms } from "../../compile/blocks/normalization.ts"
import { fusedMatMul } from "../../onnx/ops.ts"
import type { Weights } from "../../compile/weights.ts"
import type { OmniConfig } from "./config.ts"

const EPSILON = 1e-6

type VisionConfig = OmniConfig["vision_config"]

/** Patches along one side of a full window, and in the whole of it. */
export const windowSide = (config: VisionConfig): number => Math.floor(config.window_size / config.spatial_merge_size / config.patch_size) * config.spatial_merge_size

interface Shared {
  readonly cos: Value
  readonly sin: Value
  /** [3]: steps, patches a step, width. */
  readonly stepShape: Value
  readonly windowIndex: Value
  readonly windowBias: Value
  readonly unwindowIndex: Value
}

/** Attention within each temporal step, or within windows of one: rows are gathered into windows, padded, and gathered back. */
const attention = (x: Value, weights: Weights, config: VisionConfig, full: boolean, shared: Shared): Value => {
  const { hidden_size: width, num_heads: heads } = config
  const patches = windowSide(config) ** 2
  const turned = (name: string) => reshape(rotaryEmbedding(reshape(linear(x, weights, name, width, width, true), [1, -1, width]), shared.cos, shared.sin, { heads }), [-1, width])
  const grouped = (rows: Value) => full ? reshape(rows, shared.stepShape, ["steps", "patches", width]) : reshape(gather(rows, shared.windowIndex, 0), [-1, patches, width])
  const mixed = multiHeadAttention(grouped(turned("q")), grouped(turned("k")), grouped(linear(x, weights, "v", width, width, true)), { heads, ...(full ? {} : { bias: shared.windowBias }) })
  const rows = reshape(mixed, [-1, width])
  return linear(full ? rows : gather(rows, shared.unwindowIndex, 0), weights, "proj", width, width, true)
}

/**
 * Encoder: `patches` [steps x patches, channels x time x side x side], in merge-block order, to `hidden` [steps x patches, hidden_size].
 * Which rows stand in which window, and their rotary, come from the host (`window.ts`).
 */
export const visionEncoder = (graph: GraphBuilder, weights: Weights, config: VisionConfig): void => {
  const { hidden_size: width, in_channels, intermediate_size, num_heads, patch_size, temporal_patch_size } = config
  const size = in_channels * temporal_patch_size * patch_size ** 2
  const half = width / num_heads / 2
  const patches = windowSide(config) ** 2
  const shared: Shared = {
    cos: graph.input("cos", "float32", [1, "rows", half]),
    sin: graph.input("sin", "float32", [1, "rows", half]),
    stepShape: graph.input("step_shape", "int64", [3]),
    windowIndex: graph.input("window_index", "int64", ["window_rows"]),
    windowBias: graph.input("window_bias", "float32", ["windows", 1, patches, patches]),
    unwindowIndex: graph.input("unwindow_index", "int64", ["rows"])
  }
  const kernel = weights.at("patch_embed").tensor("proj.weight", [width, size], { stored: [width, in_channels, temporal_patch_size, patch_size, patch_size] })
  let x = fusedMatMul(graph.input("patches", "float32", ["rows", size]), kernel, { transB: true })
  for (let i = 0; i < config.depth; i++) {
    const block = weights.at(`blocks.${i}`)
    x = add(x, attention(rms(x, block, "norm1", width, EPSILON), block.at("attn"), config, config.fullatt_block_indexes.includes(i), shared))
    x = add(x, gated(rms(x, block, "norm2", width, EPSILON), block.at("mlp"), width, intermediate_size, silu, true))
  }
  graph.output("hidden", x)
}

/** Projector: `hidden` [rows, hidden_size] to `embeddings` [rows / merge², out_hidden_size]: norm, neighbours joined, two linear layers. */
export const visionProjector = (graph: GraphBuilder, weights: Weights, config: VisionConfig): void => {
  const { hidden_size: width, out_hidden_size, spatial_merge_size } = config
  const joined = width * spatial_merge_size ** 2
  const merged = reshape(rms(graph.input("hidden", "float32", ["rows", width]), weights, "ln_q", width, EPSILON), [-1, joined])
  graph.output("embeddings", linear(gelu(linear(merged, weights, "mlp.0", joined, joined, true), "none"), weights, "mlp.2", joined, out_hidden_size, true))
}
