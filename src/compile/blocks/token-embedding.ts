import { gather, mul } from "../../onnx/ops.ts"
import type { GraphBuilder } from "../../onnx/graph-builder.ts"
import { float32 } from "../../tensor/tensor.ts"
import type { Weights } from "../weights.ts"

/** The graph `embed`: `tokens` [tokens] int64 to `rows` [tokens, width] of `<name>` [vocabulary, width], times `scale` (Gemma). */
export const tokenEmbedding = (graph: GraphBuilder, weights: Weights, name: string, vocabulary: number, width: number, scale = 1): void => {
  const rows = gather(weights.tensor(name, [vocabulary, width]), graph.input("tokens", "int64", ["tokens"]), 0)
  graph.output("rows", scale === 1 ? rows : mul(rows, graph.constant(float32([], Float32Array.of(scale)))))
}
