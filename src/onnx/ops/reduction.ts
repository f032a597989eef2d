import { int64 } from "../../tensor/tensor.ts"
import type { Value } from "../graph-builder.ts"
import { axisOf } from "../shape-inference.ts"

/** What happens to the axes that are reduced: they stay with one element (default), or go. */
export interface ReduceOptions {
  readonly keepDims?: boolean
}

const reduce =
  (op: string) =>
  (x: Value, axes: ReadonlyArray<number>, { keepDims = true }: ReduceOptions = {}): Value => {
    const gone = axes.map((axis) => axisOf(op, x.shape, axis))
    const shape = keepDims ? x.shape.map((side, axis) => (gone.includes(axis) ? 1 : side)) : x.shape.filter((_, axis) => !gone.includes(axis))
    return x.graph.node(op, [x, x.graph.constant(int64([gone.length], gone))], { keepdims: keepDims ? 1 : 0 }, { outputs: [{ dtype: x.dtype, shape }] })[0]
  }

/** The mean over axes. */
export const reduceMean = reduce("ReduceMean")
/** The sum over axes. */
export const reduceSum = reduce("ReduceSum")
/** The largest over axes. */
export const reduceMax = reduce("ReduceMax")
/** The square root of the sum of squares over axes. */
export const reduceL2 = reduce("ReduceL2")

/** Sums of what comes up to and with each element, along an axis. */
export const cumSum = (x: Value, axis: number): Value =>
  x.graph.node("CumSum", [x, x.graph.constant(int64([], [axisOf("CumSum", x.shape, axis)]))], {}, { outputs: [x] })[0]

/** Exponentials that sum up to 1 along an axis. */
export const softmax = (x: Value, axis: number): Value => x.graph.node("Softmax", [x], { axis: axisOf("Softmax", x.shape, axis) }, { outputs: [x] })[0]

/** The place of the largest element along an axis (the first of equal ones); int64, the axis goes. */
export const argMax = (x: Value, axis: number): Value => {
  const at = axisOf("ArgMax", x.shape, axis)
  return x.graph.node("ArgMax", [x], { axis: at, keepdims: 0 }, { outputs: [{ dtype: "int64", shape: x.shape.toSpliced(at, 1) }] })[0]
}
