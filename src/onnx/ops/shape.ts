import { int64 } from "../../tensor/tensor.ts"
import type { Value } from "../graph-builder.ts"
import { axisOf, broadcast, impossible, mayEqual, reshapeShape, type Shape, slicedSide } from "../shape-inference.ts"
import { product, type Side, sum } from "../side.ts"

/** An int64 vector as a constant of the graph that `beside` belongs to. */
const vector = (beside: Value, values: ReadonlyArray<number>): Value => beside.graph.constant(int64([values.length], values))

/**
 * The same elements in another shape. `target` is a list of sides (-1: what is left, 0: the input's side of the same place), or a vector made at run time;
 * then `shape` names the sides that come out.
 */
export function reshape(x: Value, target: ReadonlyArray<number>): Value
export function reshape(x: Value, target: Value, shape: Shape): Value
export function reshape(x: Value, target: ReadonlyArray<number> | Value, named?: Shape): Value {
  const fixed = "graph" in target ? undefined : target
  const shape = fixed === undefined ? (named ?? []) : reshapeShape(x.shape, fixed)
  const by = "graph" in target ? target : vector(x, target)
  return x.graph.node("Reshape", [x, by], {}, { outputs: [{ dtype: x.dtype, shape }] })[0]
}

/** Axes in another order: `axes[i]` is the axis of x that becomes axis i. */
export const transpose = (x: Value, axes: ReadonlyArray<number>): Value => {
  const { shape } = x
  if (axes.length !== shape.length || new Set(axes).size !== axes.length || axes.some((axis) => !(axis >= 0 && axis < shape.length))) {
    throw impossible("Transpose", `[${axes.join(", ")}] is no order of the axes`, shape)
  }
  return x.graph.node("Transpose", [x], { perm: axes }, { outputs: [{ dtype: x.dtype, shape: axes.map((axis) => shape[axis]) }] })[0]
}

/** Without the axes named, which have one element. */
export const squeeze = (x: Value, axes: ReadonlyArray<number>): Value => {
  const gone = axes.map((axis) => axisOf("Squeeze", x.shape, axis))
  if (gone.some((axis) => !mayEqual(x.shape[axis], 1))) throw impossible("Squeeze", `axes [${axes.join(", ")}] are not all 1`, x.shape)
  return x.graph.node("Squeeze", [x, vector(x, axes)], {}, { outputs: [{ dtype: x.dtype, shape: x.shape.filter((_, axis) => !gone.includes(axis)) }] })[0]
}

/** With axes of one element, which stand where `axes` says in the result. */
export const unsqueeze = (x: Value, axes: ReadonlyArray<number>): Value => {
  const rank = x.shape.length + axes.length
  const places = new Set(axes.map((axis) => axisOf("Unsqueeze", x.shape, axis, rank)))
  if (places.size !== axes.length) throw impossible("Unsqueeze", `axes [${axes.join(", ")}] stand twice`, x.shape)
  const old = [...x.shape]
  const shape = Array.from({ length: rank }, (_, axis): Side => (places.has(axis) ? 1 : (old.shift() ?? 1)))
  return x.graph.node("Unsqueeze", [x, vector(x, axes)], {}, { outputs: [{ dtype: x.dtype, shape }] })[0]
}

/** A stretch of one axis. */
export interface Stretch {
  readonly axis: number
  /** First element; from the back where negative; a value of shape [1] where the run decides. */
  readonly from: number | Value
  /** The element after the last; `Number.MAX_SAFE_INTEGER`: the axis' end. */
  readonly to: number | Value
  /** Default 1; may be negative. */
  readonly step?: number
}

/** A stretch of x along one axis. */
export const slice = (x: Value, { axis, from, step = 1, to }: Stretch): Value => {
  const at = axisOf("Slice", x.shape, axis)
  if (!Number.isInteger(step) || step === 0) throw impossible("Slice", `a step of ${step}`, x.shape)
  const side = typeof from === "number" && typeof to === "number" ? slicedSide(x.shape[at], from, to, step) : x.graph.unknownSide()
  const bound = (value: number | Value) => (typeof value === "number" ? vector(x, [value]) : value)
  return x.graph.node(
    "Slice",
    [x, bound(from), bound(to), vector(x, [at]), vector(x, [step])],
    {},
    { outputs: [{ dtype: x.dtype, shape: x.shape.with(at, side) }] }
  )[0]
}

/** Stretches of the given sizes, one after the other, along an axis. */
export const split = (x: Value, { axis, sizes }: { readonly axis: number; readonly sizes: ReadonlyArray<number> }): ReadonlyArray<Value> => {
  const at = axisOf("Split", x.shape, axis)
  if (!mayEqual(x.shape[at], sum(sizes))) throw impossible("Split", `sizes [${sizes.join(", ")}] do not fill axis ${axis}`, x.shape)
  return x.graph.node("Split", [x, vector(x, sizes)], { axis: at }, { outputs: sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(at, size) })) })
}

/** Values one after the other along an axis. */
export const concat = (values: ReadonlyArray<Value>, axis: number): Value => {
  const [first] = values
  if (first === undefined) throw new Error("Concat: nothing to join")
  const at = axisOf("Concat", first.shape, axis)
  const shapes = values.map(({ shape }) => shape)
  if (
    shapes.some((shape) => shape.length !== first.shape.length || shape.some((side, i) => i !== at && !mayEqual(side, first.shape[i]))) ||
    values.some(({ dtype }) => dtype !== first.dtype)
  ) {
    throw impossible("Concat", `cannot be joined along axis ${axis}`, ...shapes)
  }
  return first.graph.node(
    "Concat",
    values,
    { axis: at },
    { outputs: [{ dtype: first.dtype, shape: first.shape.with(at, sum(shapes.map((shape) => shape[at]))) }] }
  )[0]
}

/** Broadcast to a shape; a vector made at run time names the sides that come out in `shape`. */
export function expand(x: Value, target: ReadonlyArray<number>): Value
export function expand(x: Value, target: Value, shape: Shape): Value
export function expand(x: Value, target: ReadonlyArray<number> | Value, named?: Shape): Value {
  const shape = "graph" in target ? (named ?? []) : broadcast("Expand", x.shape, target)
  return x.graph.node("Expand", [x, "graph" in target ? target : vector(x, target)], {}, { outputs: [{ dtype: x.dtype, shape }] })[0]
}

/** Repeated along each axis: one count an axis. */
export const tile = (x: Value, repeats: ReadonlyArray<number>): Value => {
  if (repeats.length !== x.shape.length) throw impossible("Tile", `${repeats.length} counts`, x.shape)
  return x.graph.node("Tile", [x, vector(x, repeats)], {}, { outputs: [{ dtype: x.dtype, shape: x.shape.map((side, i) => product([side, repeats[i]])) }] })[0]
}

/** Elements added at both ends of each axis: `pads` are the begins of all axes, then the ends; `value` is what they are. */
export const pad = (x: Value, pads: ReadonlyArray<number>, value = 0): Value => {
  const rank = x.shape.length
  if (pads.length !== 2 * rank) throw impossible("Pad", `${pads.length} pads`, x.shape)
  const fill = x.graph.constant(x.dtype === "int64" ? int64([], [value]) : { dtype: "float32", shape: [], data: Float32Array.of(value) })
  return x.graph.node(
    "Pad",
    [x, vector(x, pads), fill],
    {},
    { outputs: [{ dtype: x.dtype, shape: x.shape.map((side, i) => sum([side, pads[i], pads[rank + i]])) }] }
  )[0]
}

/** The sides of x as an int64 vector, for what only the run knows. */
export const shapeOf = (x: Value): Value => x.graph.node("Shape", [x], {}, { outputs: [{ dtype: "int64", shape: [x.shape.length] }] })[0]
