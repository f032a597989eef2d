import { gelu, reshape } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { linear } from "./linear.ts"

/** What a patch merger is made of. */
export interface PatchMergerSpec {
  /** Numbers in a hidden row. */
  readonly width: number
  /** Patches along a side of a merge block. */
  readonly merge: number
  /** Numbers in an embedding. */
  readonly outputs: number
  /** Names of the two linear layers. */
  readonly layers: readonly [string, string]
  /** The norm, over rows of `width` numbers. */
  readonly norm: (x: Value, width: number) => Value
  /** Whether the norm is over the joined rows of a block (Qwen3-VL's deepstack), not over each. */
  readonly joinFirst?: boolean
}

/** Projector: hidden rows [rows, width], a block's together, to embeddings [rows / merge², outputs]: norm, rows of a block joined, two linear layers (`PatchMerger`). */
export const patchMerger = (x: Value, weights: Weights, { joinFirst = false, layers, merge, norm, outputs, width }: PatchMergerSpec): Value => {
  const joined = width * merge ** 2
  const rows = joinFirst ? norm(reshape(x, [-1, joined]), joined) : reshape(norm(x, width), [-1, joined])
  return linear(gelu(linear(rows, weights, layers[0], joined, joined, true), "none"), weights, layers[1], joined, outputs, true)
}
