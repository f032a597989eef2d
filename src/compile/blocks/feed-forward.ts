import { gelu, mul, quickGelu, silu } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { linear } from "./linear.ts"

/** Activations by the checkpoints' names (`hidden_act`). */
export const activations: Readonly<Record<string, (x: Value) => Value>> = {
  silu,
  gelu: (x) => gelu(x, "none"),
  gelu_pytorch_tanh: (x) => gelu(x, "tanh"),
  quick_gelu: quickGelu
}

/** SwiGLU and its kin: down(activation(gate(x)) * up(x)). */
export const gated = (x: Value, weights: Weights, width: number, inner: number, activation: (x: Value) => Value, bias: boolean): Value =>
  linear(mul(activation(linear(x, weights, "gate_proj", width, inner, bias)), linear(x, weights, "up_proj", width, inner, bias)), weights, "down_proj", inner, width, bias)

/** Two layers with an activation between, both with bias: `names` are theirs in the checkpoint. */
export const twoLayer = (x: Value, weights: Weights, names: readonly [string, string], width: number, inner: number, outputs: number, activation: (x: Value) => Value): Value =>
  linear(activation(linear(x, weights, names[0], width, inner, true)), weights, names[1], inner, outputs, true)
