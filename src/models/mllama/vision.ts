import { add, concat, div, gather, mul, multiHeadAttention, pad, reshape, slice } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { activations, twoLayer } from "../../compile/blocks/feed-forward.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import { patchEmbedding } from "../../compile/blocks/vision-transformer.ts"
import type { Weights } from "../../compile/weights.ts"
import type { MllamaConfig } from "./config.ts"

/** Where a checkpoint keeps its parts. */
export interface MllamaNames {
  /** Holds `embed_tokens`, `layers`, `norm`. */
  readonly model: string
  readonly head: string
  readonly vision: string
  readonly projector: string
}

/** Of the norms before and between the encoders, which no configuration says. */
const EPSILON = 1e-5

/** Rows of a tile in the encoder: padded to a multiple of 8. The square of a whole number plus one never is one, so there is padding always. */
export const paddedRows = (tileRows: number): number => Math.ceil(tileRows / 8) * 8

/** The hyperbolic tangent of a stored gate, [1]. */
const tanhOf = (weights: Weights, name: string): Value => weights.tensor(name, [1], { name: "tanh", make: (stored) => stored.map(Math.tanh) })

/** Rows of one picture with those that stand for something in front. */
interface Ordered {
  /** [1, rows, width] */
  readonly x: Value
  /** How many stand for something, [1] int64. */
  readonly real: Value
}

/**
 * Attention in which only padding is hidden from padding (`_prepare_aspect_ratio_attention_mask`): rows that stand for something see all, the others see only those.
 * Two attentions without a mask, since the mask of a whole picture would be as large as one head's scores.
 */
const attention = ({ real, x }: Ordered, weights: Weights, { attention_heads: heads, hidden_size: width }: MllamaConfig["vision"]): Value => {
  const [queries, keys, values] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(x, weights, name, width, width, false))
  const front = (value: Value) => slice(value, { axis: 1, from: 0, to: real })
  const back = (value: Value) => slice(value, { axis: 1, from: real, to: Number.MAX_SAFE_INTEGER })
  const mixed = concat(
    [multiHeadAttention(front(queries), keys, values, { heads }), multiHeadAttention(back(queries), front(keys), front(values), { heads })],
    1
  )
  return linear(reshape(mixed, [1, -1, width]), weights, "o_proj", width, width, false)
}

/** One layer (transformers 5.18 `MllamaVisionEncoderLayer`). */
const visionLayer = (rows: Ordered, weights: Weights, vision: MllamaConfig["vision"], gated: boolean): Value => {
  const { hidden_act, hidden_size: width, intermediate_size: inner, norm_eps } = vision
  const gate = (value: Value, name: string) => (gated ? mul(value, tanhOf(weights, name)) : value)
  const attended = attention({ ...rows, x: layer(rows.x, weights, "input_layernorm", width, norm_eps) }, weights.at("self_attn"), vision)
  const middle = add(rows.x, gate(attended, "gate_attn"))
  const fed = twoLayer(
    layer(middle, weights, "post_attention_layernorm", width, norm_eps),
    weights.at("mlp"),
    ["fc1", "fc2"],
    width,
    inner,
    width,
    activations[hidden_act]
  )
  return add(middle, gate(fed, "gate_ffn"))
}

/**
 * Encoder and projector of one picture (`MllamaVisionModel`, `multi_modal_projector`). `pixels` [tiles, 3, side, side]: as many tiles as there are slots, those that
 * the picture does not fill all zero; `arrangement` [1]: its number from 1. `order` and `real`: the rows of all slots, [slots x padded rows], those that stand for
 * something first, and how many those are; `restore`: where among them each hidden row is, slot by slot. To `embeddings` [slots x rows, width].
 */
export const vision = (graph: GraphBuilder, checkpoint: Weights, names: MllamaNames, { arrangements, text, tileRows, vision: config }: MllamaConfig): void => {
  const {
    hidden_size: width,
    image_size,
    intermediate_layers_indices: read,
    max_num_tiles: slots,
    num_channels: channels,
    num_global_layers,
    num_hidden_layers,
    patch_size: patchSize,
    vision_output_dim
  } = config
  const weights = checkpoint.at(names.vision)
  const pixels = graph.input("pixels", "float32", [slots, channels, image_size, image_size])
  const arrangement = graph.input("arrangement", "int64", [1])
  const order = graph.input("order", "int64", ["encoded"])
  const restore = graph.input("restore", "int64", ["rows"])
  const real = graph.input("real", "int64", [1])
  /** What the arrangement says of each slot, times the table's gate: [slots, rows, width]. */
  const learned = (name: string, table: string, rows: number) => {
    const own = weights.at(name)
    return mul(reshape(gather(own.tensor(table, [arrangements + 1, slots * rows * width]), arrangement, 0), [slots, rows, width]), tanhOf(own, "gate"))
  }
  const positions = weights.at("gated_positional_embedding")
  const patches = add(
    patchEmbedding(pixels, weights, { width, channels, patchSize, bias: false }),
    learned("pre_tile_positional_embedding", "embedding.weight", 1)
  )
  // An empty row in front of each tile's patches takes the class token.
  const classToken = pad(reshape(weights.tensor("class_embedding", [width]), [1, width]), [0, 0, tileRows - 1, 0])
  const rest = positions.tensor("gate", [1], { name: "rest", make: (stored) => stored.map((gate) => 1 - Math.tanh(gate)) })
  const placed = add(add(pad(patches, [0, 1, 0, 0, 0, 0]), classToken), mul(positions.tensor("embedding", [tileRows, width]), rest))
  const tiles = layer(add(placed, learned("gated_positional_embedding", "tile_embedding.weight", tileRows)), weights, "layernorm_pre", width, EPSILON)

  const padded = pad(tiles, [0, 0, 0, 0, paddedRows(tileRows) - tileRows, 0])
  const states: Array<Value> = []
  let x = gather(reshape(padded, [1, slots * paddedRows(tileRows), width]), order, 1)
  for (let i = 0; i < num_hidden_layers; i++) {
    x = visionLayer({ x, real }, weights.at(`transformer.layers.${i}`), config, false)
    states.push(x)
  }
  const slotOfRow = div(order, paddedRows(tileRows))
  x = add(
    layer(x, weights, "layernorm_post", width, EPSILON),
    gather(reshape(learned("post_tile_positional_embedding", "embedding.weight", 1), [1, slots, width]), slotOfRow, 1)
  )
  for (let i = 0; i < num_global_layers; i++) x = visionLayer({ x, real }, weights.at(`global_transformer.layers.${i}`), config, true)

  const restored = (rows: Value) => reshape(gather(rows, restore, 1), [-1, width])
  // The layers' states channel by channel: all of channel 0, then all of channel 1.
  const intermediate = reshape(
    concat(
      read.map((i) => reshape(restored(states[i]), [-1, width, 1])),
      2
    ),
    [-1, width * read.length]
  )
  const hidden = read.length === 0 ? restored(x) : concat([restored(x), intermediate], 1)
  graph.output("embeddings", linear(hidden, checkpoint, names.projector, vision_output_dim, text.width, true))
}
