import { add, choose, fusedMatMul, greater, mul } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { linear, type LinearForm } from "./linear.ts"

/** A LoRA set that stays apart from the weights, switched on by the input `adapter.<name>`. */
export interface Adapter {
  readonly name: string
  /** Width of its inner rows. */
  readonly rank: number
  /** What its products are multiplied by: `lora_alpha / r`. */
  readonly scale: number
}

/**
 * Products W x + scale x B (A x) of the adapter that is switched on, if one is (LoRA, Hu et al. 2021). Nothing is merged, so switching costs no new weights, and what is
 * off is not computed. Against merged weights at Phi-4's widths (`npm run bench -- adapters`, two cores): 0.96 of the time for one row with none on, 1.08 and 1.13 with
 * one; for 64 rows 1.00, 1.14 and 1.17.
 * Inputs of the graph: `adapter.<name>` [1], 0 or 1, at most one of them 1. Tensors: `<name><base>.weight`, `<name>.lora_A.<adapter>.weight` [rank, inputs] and
 * `<name>.lora_B.<adapter>.weight` [outputs, rank]. `base`: what stands behind a matrix's name in the checkpoint (`.base_layer`).
 */
export const adaptedLinear = (graph: GraphBuilder, adapters: ReadonlyArray<Adapter>, base: string): LinearForm => {
  const switches = adapters.map(({ name }) => graph.input(`adapter.${name}`, "float32", [1]))
  const isOn = switches.map((value) => greater(value, 0.5))
  const [first, ...others] = switches
  const isAnyOn = first === undefined ? undefined : greater(others.reduce(add, first), 0.5)
  return (x: Value, weights: Weights, name: string, inputs: number, outputs: number, bias: boolean): Value => {
    const plain = linear(x, weights, `${name}${base}`, inputs, outputs, bias)
    if (isAnyOn === undefined) return plain
    const adapted = adapters.map(({ name: set, rank, scale }) => {
      const down = weights.tensor(`${name}.lora_A.${set}.weight`, [rank, inputs])
      const up = weights.tensor(`${name}.lora_B.${set}.weight`, [outputs, rank])
      return () => add(plain, fusedMatMul(mul(fusedMatMul(x, down, { transB: true }), scale), up, { transB: true }))
    })
    // The last one needs no question of its own: one of them is on.
    const chosen = adapted.slice(0, -1).reduceRight<() => Value>((otherwise, one, i) => () => choose(isOn[i], one, otherwise), adapted[adapted.length - 1])
    return choose(isAnyOn, chosen, () => plain)
  }
}
