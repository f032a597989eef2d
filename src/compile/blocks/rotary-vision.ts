import { add, fusedMatMul, gather, mul, multiHeadAttention, reduceSum, reshape, rotaryEmbedding, split } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import type { GraphSource } from "../compile.ts"
import { linear } from "./linear.ts"
import { patchMerger, type PatchMergerSpec } from "./patch-merger.ts"

/** What an encoder of pictures and frames with two-dimensional rotary is made of (Qwen's). */
export interface RotaryVisionSpec {
  /** Numbers in a hidden row. */
  readonly width: number
  readonly depth: number
  readonly heads: number
  readonly channels: number
  /** Frames in a patch. */
  readonly temporalPatchSize: number
  /** Pixels along a side of a patch. */
  readonly patchSize: number
  /** Whether the patch embedding has a bias. */
  readonly patchBias: boolean
  /** Patches along a side of a merge block. */
  readonly merge: number
  /** Queries, keys and values: one matrix `qkv`, or `q`, `k`, `v`. */
  readonly qkv: "fused" | "separate"
  /** Over the last axis, `width` numbers. */
  readonly norm: (x: Value, weights: Weights, name: string, width: number) => Value
  /** `weights`: the layer's `mlp`. */
  readonly feedForward: (x: Value, weights: Weights) => Value
  /** Attention within windows, except in the layers named full; absent: full in all. `side`: patches along a full window's side. */
  readonly windows?: { readonly side: number; readonly isFull: (layer: number) => boolean }
  /** Learned positions `pos_embed`, a square of so many a side, interpolated to the grid. */
  readonly positionSide?: number
  /** Layers after which hidden rows are given out for deepstack, in rising order, and where the merger of each is. */
  readonly levels: ReadonlyArray<{ readonly layer: number; readonly merger: string }>
}

interface Shared {
  readonly cos: Value
  readonly sin: Value
  /** [3]: steps, patches a step, width. */
  readonly stepShape: Value
  readonly windows?: { readonly index: Value; readonly bias: Value; readonly back: Value; readonly size: number }
}

/** Attention within each temporal step, or within windows of one: rows are gathered into windows, padded, and gathered back. */
const attention = (x: Value, weights: Weights, spec: RotaryVisionSpec, layer: number, shared: Shared): Value => {
  const { heads, width } = spec
  const [queries, keys, values] =
    spec.qkv === "fused"
      ? split(linear(x, weights, "qkv", width, 3 * width, true), { axis: 1, sizes: [width, width, width] })
      : ["q", "k", "v"].map((name) => linear(x, weights, name, width, width, true))
  const windows = spec.windows?.isFull(layer) === true ? undefined : shared.windows
  const turned = (rows: Value) => reshape(rotaryEmbedding(reshape(rows, [1, -1, width]), shared.cos, shared.sin, { heads }), [-1, width])
  const grouped = (rows: Value) =>
    windows === undefined ? reshape(rows, shared.stepShape, ["steps", "patches", width]) : reshape(gather(rows, windows.index, 0), [-1, windows.size, width])
  const mixed = multiHeadAttention(grouped(turned(queries)), grouped(turned(keys)), grouped(values), {
    heads,
    ...(windows === undefined ? {} : { bias: windows.bias })
  })
  const rows = reshape(mixed, [-1, width])
  return linear(windows === undefined ? rows : gather(rows, windows.back, 0), weights, "proj", width, width, true)
}

/** Rows of the learned table at the four corners around each patch, weighed and added. */
const interpolated = (graph: GraphBuilder, weights: Weights, side: number, width: number): Value => {
  const corners = gather(weights.tensor("pos_embed.weight", [side ** 2, width]), graph.input("position_index", "int64", [4, "rows"]), 0)
  return reduceSum(mul(corners, graph.input("position_weight", "float32", [4, "rows", 1])), [0], { keepDims: false })
}

/**
 * Encoder: `patches` [steps x patches, channels x frames x side x side], in merge-block order, to `hidden` [steps x patches, width], and `level.<k>`
 * of the same shape. What depends on the grid comes from the host (`rotary-vision-inputs.ts`). `weights`: `visual` (transformers 4.57.6
 * `Qwen2VisionTransformerPretrainedModel`, `Qwen2_5_VisionTransformerPretrainedModel`, `Qwen3VLVisionModel`).
 */
export const rotaryVision = (graph: GraphBuilder, weights: Weights, spec: RotaryVisionSpec): void => {
  const { channels, patchSize, temporalPatchSize, width } = spec
  const inputs = channels * temporalPatchSize * patchSize ** 2
  const half = width / spec.heads / 2
  const size = (spec.windows?.side ?? 0) ** 2
  const shared: Shared = {
    cos: graph.input("cos", "float32", [1, "rows", half]),
    sin: graph.input("sin", "float32", [1, "rows", half]),
    stepShape: graph.input("step_shape", "int64", [3]),
    ...(spec.windows === undefined
      ? {}
      : {
          windows: {
            index: graph.input("window_index", "int64", ["window_rows"]),
            bias: graph.input("window_bias", "float32", ["windows", 1, size, size]),
            back: graph.input("unwindow_index", "int64", ["rows"]),
            size
          }
        })
  }
  const patchEmbedding = weights.at("patch_embed")
  const kernel = patchEmbedding.tensor("proj.weight", [width, inputs], { stored: [width, channels, temporalPatchSize, patchSize, patchSize] })
  let x = fusedMatMul(graph.input("patches", "float32", ["rows", inputs]), kernel, { transB: true })
  if (spec.patchBias) x = add(x, patchEmbedding.tensor("proj.bias", [width]))
  if (spec.positionSide !== undefined) x = add(x, interpolated(graph, weights, spec.positionSide, width))
  for (let layer = 0; layer < spec.depth; layer++) {
    const block = weights.at(`blocks.${layer}`)
    x = add(x, attention(spec.norm(x, block, "norm1", width), block.at("attn"), spec, layer, shared))
    x = add(x, spec.feedForward(spec.norm(x, block, "norm2", width), block.at("mlp")))
    const level = spec.levels.findIndex((one) => one.layer === layer)
    if (level !== -1) graph.output(`level.${level}`, x)
  }
  graph.output("hidden", x)
}

/** The graphs `vision` and `vision_projector`; `prefix`: of `patch_embed`, `blocks` and the mergers. The second takes what the first gives, to `embeddings` and `level_embeddings.<k>`. */
export const rotaryVisionGraphs = (prefix: string, spec: RotaryVisionSpec, merger: PatchMergerSpec): ReadonlyArray<GraphSource> => [
  { name: "vision", build: (graph, weights) => rotaryVision(graph, weights.at(prefix), spec) },
  {
    name: "vision_projector",
    build: (graph, weights) => {
      const visual = weights.at(prefix)
      const hidden = (name: string) => graph.input(name, "float32", ["rows", spec.width])
      graph.output("embeddings", patchMerger(hidden("hidden"), visual.at("merger"), merger, spec))
      spec.levels.forEach((level, k) => graph.output(`level_embeddings.${k}`, patchMerger(hidden(`level.${k}`), visual.at(level.merger), merger, spec, true)))
    }
  }
]
