import { add, fusedMatMul, matMul, mul, reshape, softmax, tile, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import type { DecoderSpec } from "./decoder.ts"
import { gated } from "./feed-forward.ts"
import { linear } from "./linear.ts"
import { rms } from "./normalization.ts"

/** What the layers that look at a memory share. */
export interface CrossInputValues {
  /** Shaped as the grouped scores' rows: [group x rows, memoryRows]. */
  readonly bias: Value
  /** [rows, 1] */
  readonly gate: Value
}

/** The inputs `cross_bias` [rows, memoryRows] and `cross_gate` [rows, 1]. */
export const crossInputs = (graph: GraphBuilder, { heads, kvHeads }: DecoderSpec): CrossInputValues => ({
  bias: tile(graph.input("cross_bias", "float32", ["rows", "memoryRows"]), [heads / kvHeads, 1]),
  gate: graph.input("cross_gate", "float32", ["rows", 1])
})

/** The hyperbolic tangent of a stored gate, [1]. */
const gateOf = (weights: Weights, name: string): Value => weights.tensor(name, [1], { name: "tanh", make: (stored) => stored.map(Math.tanh) })

/**
 * A layer that looks at a memory (transformers 5.18 `MllamaCrossAttentionDecoderLayer`): queries with norms and without rotary against `cross_key.<index>` and
 * `cross_value.<index>`, both additions gated. `index`: its number among such layers.
 */
export const crossAttentionLayer = (
  graph: GraphBuilder,
  x: Value,
  weights: Weights,
  index: number,
  spec: DecoderSpec,
  { bias, gate }: CrossInputValues
): Value => {
  const { activation, epsilon, headWidth, heads, inner, kvHeads, width } = spec
  const group = heads / kvHeads
  const attention = weights.at("cross_attn")
  const memory = (name: "key" | "value") => graph.input(`cross_${name}.${index}`, "float32", [1, kvHeads, "memoryRows", headWidth])
  const rows = linear(rms(x, weights, "input_layernorm", width, epsilon), attention, "q_proj", width, heads * headWidth, false)
  const normed = rms(reshape(rows, [-1, heads, headWidth]), attention, "q_norm", headWidth, epsilon)
  const queries = reshape(transpose(reshape(normed, [1, -1, kvHeads, group, headWidth]), [0, 2, 3, 1, 4]), [1, kvHeads, -1, headWidth])
  const scores = add(fusedMatMul(queries, memory("key"), { transB: true, alpha: spec.scale ?? headWidth ** -0.5 }), bias)
  const mixed = matMul(softmax(scores, -1), memory("value"))
  const attended = reshape(transpose(reshape(mixed, [1, kvHeads, group, -1, headWidth]), [0, 3, 1, 2, 4]), [-1, heads * headWidth])
  const middle = add(x, mul(linear(attended, attention, "o_proj", heads * headWidth, width, false), gateOf(weights, "cross_attn_attn_gate")))
  const fed = gated(rms(middle, weights, "post_attention_layernorm", width, epsilon), weights.at("mlp"), width, inner, activation, false)
  return add(middle, mul(mul(fed, gate), gateOf(weights, "cross_attn_mlp_gate")))
}

/** The graph `memory`: `memory` [memoryRows, width] to `cross_key.<n>` (with its norm) and `cross_value.<n>` of each cross layer, [1, kvHeads, memoryRows, headWidth]. `weights`: holds `layers.<n>`. */
export const crossMemory = (graph: GraphBuilder, weights: Weights, { crossLayers = [], epsilon, headWidth, kvHeads, width }: DecoderSpec): void => {
  const memory = graph.input("memory", "float32", ["memoryRows", width])
  const shaped = (rows: Value) => transpose(reshape(rows, [1, -1, kvHeads, headWidth]), [0, 2, 1, 3])
  crossLayers.forEach((layer, index) => {
    const attention = weights.at(`layers.${layer}.cross_attn`)
    const project = (name: string) => linear(memory, attention, name, width, kvHeads * headWidth, false)
    graph.output(`cross_key.${index}`, shaped(rms(reshape(project("k_proj"), [-1, kvHeads, headWidth]), attention, "k_norm", headWidth, epsilon)))
    graph.output(`cross_value.${index}`, shaped(project("v_proj")))
  })
}
