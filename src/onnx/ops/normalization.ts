import { float, type Value } from "../graph-builder.ts"
import { impossible, mayEqual } from "../shape-inference.ts"

/** The last axis has one weight for each element. */
const checked = (op: string, x: Value, weight: Value): void => {
  if (weight.shape.length !== 1 || x.shape.length === 0 || !mayEqual(x.shape[x.shape.length - 1], weight.shape[0]))
    throw impossible(op, "the weight does not fit the last axis", x.shape, weight.shape)
}

/** (x - mean) / sqrt(variance + epsilon) over the last axis, times `weight`, plus `bias` [width]. */
export const layerNorm = (x: Value, weight: Value, bias: Value | undefined, epsilon: number): Value => {
  checked("LayerNormalization", x, weight)
  if (bias !== undefined) checked("LayerNormalization", x, bias)
  return x.graph.node("LayerNormalization", [x, weight, bias], { axis: -1, epsilon: float(epsilon) }, { outputs: [x] })[0]
}

/** x / sqrt(mean of squares + epsilon) over the last axis, times `weight` [width] (opset 23). */
export const rmsNorm = (x: Value, weight: Value, epsilon: number): Value => {
  checked("RMSNormalization", x, weight)
  return x.graph.node("RMSNormalization", [x, weight], { axis: -1, epsilon: float(epsilon) }, { outputs: [x] })[0]
}
