import { layerNorm, rmsNorm } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"

/** Root-mean-square norm over the last axis by `<name>.weight` [width]; `plusOne`: the stored weight is the distance from 1 (Gemma). */
export const rms = (x: Value, weights: Weights, name: string, width: number, epsilon: number, plusOne = false): Value =>
  rmsNorm(x, weights.tensor(`${name}.weight`, [width], plusOne ? { name: "plus-one", make: (stored) => stored.map((value) => value + 1) } : {}), epsilon)

/** Layer norm over the last axis by `<name>.weight` and `<name>.bias` [width]. */
export const layer = (x: Value, weights: Weights, name: string, width: number, epsilon: number): Value =>
  layerNorm(x, weights.tensor(`${name}.weight`, [width]), weights.tensor(`${name}.bias`, [width]), epsilon)
