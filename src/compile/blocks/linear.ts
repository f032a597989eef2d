import { add, fusedMatMul } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"

/** One way to make such a product: see `linear`. */
export type LinearForm = (x: Value, weights: Weights, name: string, inputs: number, outputs: number, bias: boolean) => Value

/** `x` [..., inputs] times the checkpoint's `<name>.weight` [outputs, inputs], plus `<name>.bias` where there is one. */
export const linear = (x: Value, weights: Weights, name: string, inputs: number, outputs: number, bias: boolean): Value => {
  const product = fusedMatMul(x, weights.tensor(`${name}.weight`, [outputs, inputs]), { transB: true })
  return bias ? add(product, weights.tensor(`${name}.bias`, [outputs])) : product
}
