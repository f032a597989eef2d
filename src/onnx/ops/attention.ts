import { float, type Value } from "../graph-builder.ts"
import { axisOf, broadcast, impossible, mayEqual } from "../shape-inference.ts"
import { quotient } from "../side.ts"

/** How rotary embedding turns. */
export interface RotaryOptions {
  /** Heads in the last axis of x [batch, rows, heads x headWidth]; not needed for x [batch, heads, rows, headWidth]. */
  readonly heads?: number
  /** Pairs are neighbours; default: pairs are half a width apart. */
  readonly interleaved?: boolean
  /** Channels of each head that turn, the first ones; default all. */
  readonly rotaryWidth?: number
}

/**
 * Turns pairs of channels by the angles whose `cos` and `sin` are given: each [batch, rows, width / 2], one row for each of x (ONNX `RotaryEmbedding`, opset
 * 23, without position ids).
 */
export const rotaryEmbedding = (x: Value, cos: Value, sin: Value, { heads, interleaved = false, rotaryWidth }: RotaryOptions = {}): Value => {
  const refuse = (why: string) => impossible("RotaryEmbedding", why, x.shape, cos.shape, sin.shape)
  const flat = x.shape.length === 3
  if (!flat && x.shape.length !== 4) throw refuse("x is [batch, rows, width] or [batch, heads, rows, headWidth]")
  if (flat && heads === undefined) throw refuse("heads are not told")
  const rows = x.shape[flat ? 1 : 2]
  const headWidth = flat ? quotient(x.shape[2], heads ?? 1) : x.shape[3]
  if (headWidth === undefined) throw refuse(`the width is no multiple of ${heads} heads`)
  if (typeof rotaryWidth === "number" && typeof headWidth === "number" && rotaryWidth > headWidth)
    throw refuse(`${rotaryWidth} channels of a head of ${headWidth} turn`)
  const half = quotient(rotaryWidth ?? headWidth, 2)
  if (half === undefined) throw refuse("an odd width cannot turn in pairs")
  for (const angles of [cos, sin]) {
    if (angles.shape.length !== 3 || !mayEqual(angles.shape[0], x.shape[0]) || !mayEqual(angles.shape[1], rows) || !mayEqual(angles.shape[2], half))
      throw refuse(`cos and sin are [batch, rows, ${half}]`)
  }
  return x.graph.node(
    "RotaryEmbedding",
    [x, cos, sin],
    { num_heads: heads, interleaved: interleaved ? 1 : 0, rotary_embedding_dim: rotaryWidth === headWidth ? undefined : rotaryWidth },
    { outputs: [x] }
  )[0]
}

/**
 * `past` with `update` written from element `at` [batch] on along an axis (ONNX `TensorScatter`, opset 24). Bound to one buffer, past and result are
 * updated in place.
 */
export const tensorScatter = (past: Value, update: Value, at: Value, { axis }: { readonly axis: number }): Value => {
  const along = axisOf("TensorScatter", past.shape, axis)
  if (update.shape.length !== past.shape.length || update.shape.some((side, i) => i !== along && !mayEqual(side, past.shape[i])))
    throw impossible("TensorScatter", `the update does not fit beside axis ${axis}`, past.shape, update.shape)
  if (at.dtype !== "int64" || at.shape.length !== 1 || !mayEqual(at.shape[0], past.shape[0]))
    throw impossible("TensorScatter", "one place for each of the batch (int64)", past.shape, at.shape)
  return past.graph.node("TensorScatter", [past, update, at], { axis: along, mode: "linear" }, { outputs: [past] })[0]
}

/** How attention is computed. */
export interface AttentionOptions {
  readonly heads: number
  /** Added to the scores: [batch or 1, heads or 1, queries, keys]. */
  readonly bias?: Value
  /** Scores are multiplied by it. Default headWidth ** -0.5. */
  readonly scale?: number
}

/** Attention of queries [batch, rows, width] to keys and values [batch, memory, width], heads side by side in a row (`com.microsoft.MultiHeadAttention`). */
export const multiHeadAttention = (queries: Value, keys: Value, values: Value, { bias, heads, scale }: AttentionOptions): Value => {
  const refuse = (why: string) => impossible("MultiHeadAttention", why, queries.shape, keys.shape, values.shape, ...(bias === undefined ? [] : [bias.shape]))
  if ([queries, keys, values].some(({ shape }) => shape.length !== 3)) throw refuse("queries, keys and values are [batch, rows, width]")
  const [batch, rows, width] = queries.shape
  const [, memory, keyWidth] = keys.shape
  const valueWidth = values.shape[2]
  if (!mayEqual(width, keyWidth) || !mayEqual(memory, values.shape[1]) || [keys, values].some(({ shape }) => !mayEqual(shape[0], batch)))
    throw refuse("they do not fit each other")
  if (quotient(width, heads) === undefined || quotient(valueWidth, heads) === undefined) throw refuse(`widths are no multiples of ${heads} heads`)
  if (bias !== undefined) {
    const scores = [batch, heads, rows, memory]
    if (bias.shape.length !== 4 || !broadcast("MultiHeadAttention", scores, bias.shape).every((side, i) => mayEqual(side, scores[i])))
      throw refuse("the bias does not fit the scores")
  }
  return queries.graph.node(
    "MultiHeadAttention",
    [queries, keys, values, undefined, undefined, bias],
    { num_heads: heads, scale: scale === undefined ? undefined : float(scale) },
    {
      domain: "com.microsoft",
      outputs: [{ dtype: queries.dtype, shape: [batch, rows, valueWidth] }]
    }
  )[0]
}
