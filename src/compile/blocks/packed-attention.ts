import { add, fusedMatMul } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"

const parts = ["query", "key", "value"] as const

/** One of three matrices, or vectors, that the checkpoint keeps as one. */
const third = (weights: Weights, name: string, shape: ReadonlyArray<number>, which: number): Value => {
  const size = shape.reduce((product, side) => product * side, 1)
  return weights.tensor(name, shape, {
    stored: [3 * shape[0], ...shape.slice(1)],
    name: parts[which],
    make: (stored) => stored.slice(which * size, (which + 1) * size)
  })
}

/** Rows [..., width] as queries, keys or values of torch's `MultiheadAttention`, whose weights are kept as one. `weights`: holds `in_proj_weight` and `in_proj_bias`. */
export const packedProjection = (x: Value, weights: Weights, part: (typeof parts)[number], width: number): Value => {
  const which = parts.indexOf(part)
  return add(fusedMatMul(x, third(weights, "in_proj_weight", [width, width], which), { transB: true }), third(weights, "in_proj_bias", [width], which))
}
