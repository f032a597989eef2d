import { clipStates } from "../../compile/blocks/clip-vision.ts"
import type { ClipTower } from "../../compile/blocks/clip-tower.ts"
import { mapGrid } from "../../compile/blocks/grid-map.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { type LlamaConfig, llamaGraphs } from "../../compile/blocks/llama-decoder.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { packedProjection } from "../../compile/blocks/packed-attention.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { Weights } from "../../compile/weights.ts"
import { add, concat, expand, matMul, mul, multiHeadAttention, reshape, shapeOf, slice, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder } from "../../onnx/graph-builder.ts"
import { int64 } from "../../tensor/tensor.ts"

/** Queries along a side of the grid that the resampler lays over every part (`target_sequence_length` 144). */
export const QUERIES_ACROSS = 12

/** The resampler has a head for so many numbers. */
export const HEAD_WIDTH = 128

const EPSILON = 1e-6

/**
 * Resampler (`AdaptSpatialResampler`): a grid of hidden rows [parts, height, width, inputs] to [parts, 144, outputs]. Each query looks at the window of the grid under it alone, cut into
 * `bins_down` x `bins_across` bins; `window_rows`, `window_columns`, `position_rows` and `position_columns` are maps along the axes (`axis-weights.ts`).
 */
const resampler = (graph: GraphBuilder, weights: Weights, inputs: number, outputs: number): void => {
  const queries = QUERIES_ACROSS ** 2
  const axis = (name: string, to: string, from: number | string) => graph.input(name, "float32", [to, from])
  const hidden = graph.input("hidden", "float32", ["parts", "height", "width", inputs])
  const [down, across] = [graph.input("bins_down", "int64", [1]), graph.input("bins_across", "int64", [1])]
  const positions = weights.tensor("pos_embed", [queries, outputs])
  const values = layer(inputs === outputs ? hidden : linear(hidden, weights, "kv_proj", inputs, outputs, false), weights, "ln_kv", outputs, EPSILON)
  const keys = add(
    values,
    mapGrid(
      reshape(positions, [1, QUERIES_ACROSS, QUERIES_ACROSS, outputs]),
      axis("position_rows", "height", QUERIES_ACROSS),
      axis("position_columns", "width", QUERIES_ACROSS),
      outputs
    )
  )
  const constant = (...sides: ReadonlyArray<number>) => graph.constant(int64([sides.length], sides))
  const [rows, columns] = [axis("window_rows", "bins down", "height"), axis("window_columns", "bins across", "width")]
  /** [parts x queries, bins, outputs] */
  const windows = (x: typeof keys) => {
    const apart = reshape(
      mapGrid(x, rows, columns, outputs),
      concat([constant(-1, QUERIES_ACROSS), down, constant(QUERIES_ACROSS), across, constant(outputs)], 0),
      ["parts", QUERIES_ACROSS, "down", QUERIES_ACROSS, "across", outputs]
    )
    return reshape(transpose(apart, [0, 1, 3, 2, 4, 5]), concat([constant(-1), mul(down, across), constant(outputs)], 0), ["windows", "bins", outputs])
  }
  const attention = weights.at("attn")
  const asked = packedProjection(
    add(layer(weights.tensor("query", [queries, outputs]), weights, "ln_q", outputs, EPSILON), positions),
    attention,
    "query",
    outputs
  )
  const each = expand(reshape(asked, [1, queries, outputs]), concat([slice(shapeOf(hidden), { axis: 0, from: 0, to: 1 }), constant(queries, outputs)], 0), [
    "parts",
    queries,
    outputs
  ])
  const mixed = multiHeadAttention(
    reshape(each, [-1, 1, outputs]),
    packedProjection(windows(keys), attention, "key", outputs),
    packedProjection(windows(values), attention, "value", outputs),
    { heads: outputs / HEAD_WIDTH }
  )
  const seen = reshape(linear(mixed, attention, "out_proj", outputs, outputs, true), [-1, queries, outputs])
  graph.output("embeddings", matMul(layer(seen, weights, "ln_post", outputs, EPSILON), weights.tensor("proj", [outputs, outputs])))
}

/**
 * The graphs `embed`, `decoder`, `vision` (`pixels` [parts, 3, height, width] of any size to `hidden` [parts, patches, width], learned positions brought to it by `position_rows` and
 * `position_columns`) and `resampler`.
 */
export const graphsOf = (text: LlamaConfig, { after, config: vision, fields, prefix }: ClipTower, tied: boolean): ReadonlyArray<GraphSource> => {
  const across = Math.floor(vision.image_size / vision.patch_size)
  return [
    ...llamaGraphs(text, { model: "model", head: "lm_head", tied, qkvBias: false }),
    {
      name: "vision",
      build: (graph, weights) => {
        const pixels = graph.input("pixels", "float32", ["parts", vision.num_channels, "height", "width"])
        const positions = {
          rows: graph.input("position_rows", "float32", ["rows", across]),
          columns: graph.input("position_columns", "float32", ["columns", across])
        }
        const [hidden] = clipStates(pixels, weights.at(prefix), vision, [after], positions)
        graph.output("hidden", fields.mm_vision_select_feature === "patch" ? slice(hidden, { axis: 1, from: 1, to: Number.MAX_SAFE_INTEGER }) : hidden)
      }
    },
    { name: "resampler", build: (graph, weights) => resampler(graph, weights.at("model.mm_projector"), vision.hidden_size, text.width) }
  ]
}
