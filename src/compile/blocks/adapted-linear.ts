import { add, fusedMatMul, mul } from "../../onnx/ops.ts"
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
 * Products W x + switch x scale x B (A x), summed over the adapters (LoRA, Hu et al. 2021): nothing is merged, so switching costs no new weights. Inputs of the graph:
 * `adapter.<name>` [1], 0 or 1. Tensors: `<name><base>.weight`, and `<name>.lora_A.<adapter>.weight` [rank, inputs], `<name>.lora_B.<adapter>.weight` [outputs, rank].
 * `base`: what stands behind a matrix's name in the checkpoint (`.base_layer`).
 */
export const adaptedLinear = (graph: GraphBuilder, adapters: ReadonlyArray<Adapter>, base: string): LinearForm => {
  const switches = adapters.map(({ name, scale }) => mul(graph.input(`adapter.${name}`, "float32", [1]), scale))
  return (x: Value, weights: Weights, name: string, inputs: number, outputs: number, bias: boolean): Value =>
    adapters.reduce(
      (sum, adapter, i) => {
        const inner = fusedMatMul(x, weights.tensor(`${name}.lora_A.${adapter.name}.weight`, [adapter.rank, inputs]), { transB: true })
        return add(
          sum,
          fusedMatMul(mul(inner, switches[i]), weights.tensor(`${name}.lora_B.${adapter.name}.weight`, [outputs, adapter.rank]), { transB: true })
        )
      },
      linear(x, weights, `${name}${base}`, inputs, outputs, bias)
    )
}
