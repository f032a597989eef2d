import { float, type Value } from "../graph-builder.ts"
import { broadcast, impossible, matMulShape, mayEqual } from "../shape-inference.ts"

/** Matrix product of the last two axes, the others broadcast. */
export const matMul = (a: Value, b: Value): Value =>
  a.graph.node("MatMul", [a, b], {}, { outputs: [{ dtype: a.dtype, shape: matMulShape("MatMul", a.shape, b.shape) }] })[0]

/** How a product reads its operands. */
export interface ProductOptions {
  /** The product is multiplied by it. Default 1. */
  readonly alpha?: number
  /** The last two axes of `a` are swapped first. */
  readonly transA?: boolean
  /** The last two axes of `b` are swapped first. */
  readonly transB?: boolean
}

/** Matrix product with transposed operands and a factor (`com.microsoft.FusedMatMul`). Both operands have at least two axes. */
export const fusedMatMul = (a: Value, b: Value, { alpha = 1, transA = false, transB = false }: ProductOptions = {}): Value => {
  if (a.shape.length < 2 || b.shape.length < 2) throw impossible("FusedMatMul", "operands have two axes or more", a.shape, b.shape)
  return a.graph.node(
    "FusedMatMul",
    [a, b],
    { alpha: float(alpha), transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
    {
      domain: "com.microsoft",
      outputs: [{ dtype: a.dtype, shape: matMulShape("FusedMatMul", a.shape, b.shape, transA, transB) }]
    }
  )[0]
}

/** x [m, k] times w [k, n] ([n, k] with `transB`), plus a bias that broadcasts to [m, n]. */
export const gemm = (x: Value, w: Value, bias?: Value, { transB = false }: { readonly transB?: boolean } = {}): Value => {
  if (x.shape.length !== 2 || w.shape.length !== 2) throw impossible("Gemm", "operands are matrices", x.shape, w.shape)
  const shape = matMulShape("Gemm", x.shape, w.shape, false, transB)
  if (bias !== undefined && !broadcast("Gemm", shape, bias.shape).every((side, i) => mayEqual(side, shape[i])))
    throw impossible("Gemm", "the bias does not fit", shape, bias.shape)
  return x.graph.node("Gemm", [x, w, bias], { transB: transB ? 1 : 0 }, { outputs: [{ dtype: x.dtype, shape }] })[0]
}
