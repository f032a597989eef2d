import { gelu, mul, quickGelu, silu, split } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { linear, type LinearForm } from "./linear.ts"

/** Activations by the checkpoints' names (`hidden_act`). */
export const activations: Readonly<Record<string, (x: Value) => Value>> = {
  silu,
  gelu: (x) => gelu(x, "none"),
  gelu_pytorch_tanh: (x) => gelu(x, "tanh"),
  quick_gelu: quickGelu
}

/** SwiGLU and its kin: down(activation(gate(x)) * up(x)). */
export const gated = (
  x: Value,
  weights: Weights,
  width: number,
  inner: number,
  activation: (x: Value) => Value,
  bias: boolean,
  product: LinearForm = linear
): Value =>
  product(
    mul(activation(product(x, weights, "gate_proj", width, inner, bias)), product(x, weights, "up_proj", width, inner, bias)),
    weights,
    "down_proj",
    inner,
    width,
    bias
  )

/** The same with gate and up as one matrix, x [rows, width]. */
export const fusedGated = (
  x: Value,
  weights: Weights,
  width: number,
  inner: number,
  activation: (x: Value) => Value,
  bias: boolean,
  product: LinearForm = linear
): Value => {
  const [gate, up] = split(product(x, weights, "gate_up_proj", width, 2 * inner, bias), { axis: 1, sizes: [inner, inner] })
  return product(mul(activation(gate), up), weights, "down_proj", inner, width, bias)
}

/** Two layers with an activation between, both with bias: `names` are theirs in the checkpoint. */
export const twoLayer = (
  x: Value,
  weights: Weights,
  names: readonly [string, string],
  width: number,
  inner: number,
  outputs: number,
  activation: (x: Value) => Value
): Value => linear(activation(linear(x, weights, names[0], width, inner, true)), weights, names[1], inner, outputs, true)
