import type { DType } from "../../tensor/tensor.ts"
import { float32, int64, type Tensor } from "../../tensor/tensor.ts"
import { type Attribute, float, type Value } from "../graph-builder.ts"
import { elementTypes } from "../onnx-schema.ts"
import { broadcast } from "../shape-inference.ts"

/** A number as a constant scalar of the type that `beside` has. */
const scalarBeside = (beside: Value, value: number): Value => {
  const tensor: Tensor =
    beside.dtype === "int64"
      ? int64([], [value])
      : beside.dtype === "int32"
        ? { dtype: "int32", shape: [], data: Int32Array.of(value) }
        : float32([], Float32Array.of(value))
  return beside.graph.constant(tensor)
}

/** The right side of a binary operator: a value, or a number that stands for a constant of the left side's type. */
type Operand = Value | number

const binary = (op: string, a: Value, b: Operand, result?: DType): Value => {
  const right = typeof b === "number" ? scalarBeside(a, b) : b
  if (right.dtype !== a.dtype) throw new Error(`${op}: ${a.dtype} and ${right.dtype} do not mix`)
  return a.graph.node(op, [a, right], {}, { outputs: [{ dtype: result ?? a.dtype, shape: broadcast(op, a.shape, right.shape) }] })[0]
}

const unary = (op: string, x: Value, attributes: Readonly<Record<string, Attribute | undefined>> = {}, domain = ""): Value =>
  x.graph.node(op, [x], attributes, { domain, outputs: [x] })[0]

/** a + b, broadcast. */
export const add = (a: Value, b: Operand): Value => binary("Add", a, b)
/** a - b, broadcast. */
export const sub = (a: Value, b: Operand): Value => binary("Sub", a, b)
/** a * b, element by element, broadcast. */
export const mul = (a: Value, b: Operand): Value => binary("Mul", a, b)
/** a / b, broadcast; whole numbers are cut towards zero. */
export const div = (a: Value, b: Operand): Value => binary("Div", a, b)
/** a to the power of b, broadcast. */
export const pow = (a: Value, b: Operand): Value => binary("Pow", a, b)
/** The smaller of both, broadcast. */
export const min = (a: Value, b: Operand): Value => binary("Min", a, b)
/** The larger of both, broadcast. */
export const max = (a: Value, b: Operand): Value => binary("Max", a, b)
/** Whether both are equal, broadcast; bool. */
export const equal = (a: Value, b: Operand): Value => binary("Equal", a, b, "bool")
/** a < b, broadcast; bool. */
export const less = (a: Value, b: Operand): Value => binary("Less", a, b, "bool")
/** a > b, broadcast; bool. */
export const greater = (a: Value, b: Operand): Value => binary("Greater", a, b, "bool")
/** Both; bools. */
export const and = (a: Value, b: Value): Value => binary("And", a, b)
/** One of them, or both; bools. */
export const or = (a: Value, b: Value): Value => binary("Or", a, b)
/** The opposite; bool. */
export const not = (x: Value): Value => unary("Not", x)

/** Square root. */
export const sqrt = (x: Value): Value => unary("Sqrt", x)
/** -x */
export const neg = (x: Value): Value => unary("Neg", x)
/** e to the power of x. */
export const exp = (x: Value): Value => unary("Exp", x)
/** Natural logarithm. */
export const log = (x: Value): Value => unary("Log", x)
/** Absolute value. */
export const abs = (x: Value): Value => unary("Abs", x)
/** Sine. */
export const sin = (x: Value): Value => unary("Sin", x)
/** Cosine. */
export const cos = (x: Value): Value => unary("Cos", x)
/** The largest whole number that is not above x. */
export const floor = (x: Value): Value => unary("Floor", x)
/** 1 / (1 + exp(-x)) */
export const sigmoid = (x: Value): Value => unary("Sigmoid", x)
/** Hyperbolic tangent. */
export const tanh = (x: Value): Value => unary("Tanh", x)
/** max(x, 0) */
export const relu = (x: Value): Value => unary("Relu", x)
/** The error function. */
export const erf = (x: Value): Value => unary("Erf", x)
/** log(1 + exp(x)) */
export const softplus = (x: Value): Value => unary("Softplus", x)
/** x * min(max(x / 6 + 0.5, 0), 1) */
export const hardSwish = (x: Value): Value => unary("HardSwish", x)
/** GELU: "none" by the error function, "tanh" by its approximation (PyTorch's names). */
export const gelu = (x: Value, approximate: "none" | "tanh"): Value => unary("Gelu", x, { approximate })
/** x * sigmoid(x) */
export const silu = (x: Value): Value => mul(x, sigmoid(x))
/** x * sigmoid(1.702 * x) (CLIP) */
export const quickGelu = (x: Value): Value => unary("QuickGelu", x, { alpha: float(1.702) }, "com.microsoft")

/** x cut off below `low` and above `high`. */
export const clip = (x: Value, low: number, high: number): Value =>
  x.graph.node("Clip", [x, scalarBeside(x, low), scalarBeside(x, high)], {}, { outputs: [x] })[0]

/** The same numbers as another type; x itself where it has that type. */
export const cast = (x: Value, dtype: DType): Value =>
  x.dtype === dtype ? x : x.graph.node("Cast", [x], { to: elementTypes[dtype] }, { outputs: [{ dtype, shape: x.shape }] })[0]

/** x under another name. */
export const identity = (x: Value): Value => unary("Identity", x)

/** `a` where `condition` (bool) holds, else `b`; broadcast. */
export const where = (condition: Value, a: Value, b: Value): Value => {
  if (condition.dtype !== "bool" || a.dtype !== b.dtype) throw new Error(`Where: ${condition.dtype}, ${a.dtype} and ${b.dtype} do not mix`)
  return a.graph.node("Where", [condition, a, b], {}, { outputs: [{ dtype: a.dtype, shape: broadcast("Where", condition.shape, a.shape, b.shape) }] })[0]
}
