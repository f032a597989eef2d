import { add, fusedMatMul, matMul, reshape, rotaryEmbedding, slice, softmax, split, tensorScatter, tile, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { crossAttentionLayer, crossInputs } from "./cross-attention.ts"
import { fusedGated, gated } from "./feed-forward.ts"
import { linear, type LinearForm } from "./linear.ts"
import { rms } from "./normalization.ts"

/** What a Llama-like decoder is made of. Rotary and masks are data: inputs of each kind of attention. */
export interface DecoderSpec {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headWidth: number
  /** Width of the feed-forward. */
  readonly inner: number
  readonly vocabulary: number
  readonly epsilon: number
  readonly activation: (x: Value) => Value
  /** Biases of query, key and value. */
  readonly qkvBias: boolean
  /** Root-mean-square norms of each head's queries and keys (`q_norm`, `k_norm`). */
  readonly headNorms?: boolean
  /** Norms after attention and feed-forward as well as before (Gemma 3), and norm weights stored as the distance from 1. */
  readonly sandwich?: boolean
  readonly plusOne?: boolean
  /** Scores are multiplied by it; default headWidth ** -0.5. */
  readonly scale?: number
  /** Names of the kinds of attention, and the kind of each layer. */
  readonly kinds: ReadonlyArray<string>
  readonly kindOf: (layer: number) => number
  /** Channels of a head that turn; default headWidth. */
  readonly rotaryWidth?: number
  /** Extra rows added after decoder layers 0.. (deepstack). */
  readonly levels: number
  /** Query, key and value are one matrix (`qkv_proj`), gate and up another (`gate_up_proj`), as Phi keeps them. */
  readonly fused?: boolean
  /** How the layers' products are made; default: by their matrices alone. */
  readonly linear?: LinearForm
  /** Layers that look at a memory instead of at the rows before them; they have no cells. */
  readonly crossLayers?: ReadonlyArray<number>
}

/** The inputs that every layer shares. */
interface Shared {
  readonly writeAt: Value
  readonly cos: ReadonlyArray<Value>
  readonly sin: ReadonlyArray<Value>
  /** Shaped as the grouped scores' rows: [group x rows, cells]. */
  readonly bias: ReadonlyArray<Value>
}

/**
 * Cached self-attention as grouped products: queries as [1, kvHeads, group x rows, headWidth] against the cells bound.
 * Keys and values are written in place at `write_at`; the host masks cells that hold nothing yet. `layer`: its number among the layers that have cells.
 */
export const attention = (graph: GraphBuilder, x: Value, weights: Weights, layer: number, spec: DecoderSpec, shared: Shared): Value => {
  const { headWidth, heads, kvHeads, width } = spec
  const group = heads / kvHeads
  const kind = spec.kindOf(layer)
  const { linear: product = linear } = spec
  const sizes = { q: heads * headWidth, k: kvHeads * headWidth, v: kvHeads * headWidth }
  const [fusedQ, fusedK, fusedV] =
    spec.fused === true
      ? split(product(x, weights, "qkv_proj", width, sizes.q + sizes.k + sizes.v, spec.qkvBias), { axis: 1, sizes: [sizes.q, sizes.k, sizes.v] })
      : []
  const fused = { q: fusedQ, k: fusedK, v: fusedV }
  const projected = (name: "q" | "k" | "v"): Value => fused[name] ?? product(x, weights, `${name}_proj`, width, sizes[name], spec.qkvBias)
  const turned = (name: "q" | "k", count: number): Value => {
    let rows = projected(name)
    if (spec.headNorms === true) {
      rows = reshape(rms(reshape(rows, [-1, count, headWidth]), weights, `${name}_norm`, headWidth, spec.epsilon, spec.plusOne), [-1, count * headWidth])
    }
    return rotaryEmbedding(reshape(rows, [1, -1, count * headWidth]), shared.cos[kind], shared.sin[kind], {
      heads: count,
      ...(spec.rotaryWidth === undefined ? {} : { rotaryWidth: spec.rotaryWidth })
    })
  }
  const cached = (name: "key" | "value", rows: Value): Value => {
    const past = graph.input(`past_${name}.${layer}`, "float32", [1, kvHeads, "cells", headWidth])
    const present = tensorScatter(past, transpose(reshape(rows, [1, -1, kvHeads, headWidth]), [0, 2, 1, 3]), shared.writeAt, { axis: 2 })
    graph.output(`present_${name}.${layer}`, present)
    return present
  }
  const queries = reshape(transpose(reshape(turned("q", heads), [1, -1, kvHeads, group, headWidth]), [0, 2, 3, 1, 4]), [1, kvHeads, -1, headWidth])
  const keys = cached("key", turned("k", kvHeads))
  const values = cached("value", projected("v"))
  const scores = add(fusedMatMul(queries, keys, { transB: true, alpha: spec.scale ?? headWidth ** -0.5 }), shared.bias[kind])
  const mixed = matMul(softmax(scores, -1), values)
  const rows = reshape(transpose(reshape(mixed, [1, kvHeads, group, -1, headWidth]), [0, 3, 1, 2, 4]), [-1, heads * headWidth])
  return product(rows, weights, "o_proj", heads * headWidth, width, false)
}

/** The inputs of all layers: `embeddings` [rows, width], `write_at` [1], and cos, sin and bias of each kind. */
export const sharedInputs = (graph: GraphBuilder, spec: DecoderSpec): Shared => {
  const half = (spec.rotaryWidth ?? spec.headWidth) / 2
  const group = spec.heads / spec.kvHeads
  return {
    writeAt: graph.input("write_at", "int64", [1]),
    cos: spec.kinds.map((kind) => graph.input(`cos.${kind}`, "float32", [1, "rows", half])),
    sin: spec.kinds.map((kind) => graph.input(`sin.${kind}`, "float32", [1, "rows", half])),
    bias: spec.kinds.map((kind) => tile(graph.input(`bias.${kind}`, "float32", ["rows", "cells"]), [group, 1]))
  }
}

/** One layer: norms, attention, feed-forward, residuals. */
export const decoderLayer = (graph: GraphBuilder, x: Value, weights: Weights, layer: number, spec: DecoderSpec, shared: Shared): Value => {
  const norm = (value: Value, name: string) => rms(value, weights, name, spec.width, spec.epsilon, spec.plusOne)
  const attended = attention(graph, norm(x, "input_layernorm"), weights.at("self_attn"), layer, spec, shared)
  const feed = (value: Value) =>
    (spec.fused === true ? fusedGated : gated)(value, weights.at("mlp"), spec.width, spec.inner, spec.activation, false, spec.linear)
  if (spec.sandwich === true) {
    const middle = add(x, norm(attended, "post_attention_layernorm"))
    return add(middle, norm(feed(norm(middle, "pre_feedforward_layernorm")), "post_feedforward_layernorm"))
  }
  const middle = add(x, attended)
  return add(middle, feed(norm(middle, "post_attention_layernorm")))
}

/** Final norm and head over the last row: `logits` [1, vocabulary]. `head` is [vocabulary, width], the token table where it is tied. */
export const lastLogits = (graph: GraphBuilder, x: Value, norm: (x: Value) => Value, head: Value): void => {
  graph.output("logits", fusedMatMul(norm(slice(x, { axis: 0, from: -1, to: Number.MAX_SAFE_INTEGER })), head, { transB: true }))
}

/** A whole decoder: `weights` holds `layers.<n>` and `norm`; see `src/session/decoder.ts` for its inputs and outputs by name. */
export const decoder = (graph: GraphBuilder, weights: Weights, head: Value, spec: DecoderSpec): void => {
  let x = graph.input("embeddings", "float32", ["rows", spec.width])
  const shared = sharedInputs(graph, spec)
  const { crossLayers = [] } = spec
  const memory = crossLayers.length === 0 ? undefined : crossInputs(graph, spec)
  for (let layer = 0; layer < spec.layers; layer++) {
    const own = weights.at(`layers.${layer}`)
    const cross = crossLayers.filter((one) => one < layer).length
    x =
      memory !== undefined && crossLayers.includes(layer)
        ? crossAttentionLayer(graph, x, own, cross, spec, memory)
        : decoderLayer(graph, x, own, layer - cross, spec, shared)
    if (layer < spec.levels) x = add(x, graph.input(`level.${layer}`, "float32", ["rows", spec.width]))
  }
  // More levels than layers: the reference adds no more, but the session gives them all.
  for (let level = spec.layers; level < spec.levels; level++) graph.input(`level.${level}`, "float32", ["rows", spec.width])
  lastLogits(graph, x, (last) => rms(last, weights, "norm", spec.width, spec.epsilon, spec.plusOne), head)
}
