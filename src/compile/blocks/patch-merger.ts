import { gelu, reshape } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { Weights } from "../weights.ts"
import { linear } from "./linear.ts"
import type { RotaryVisionSpec } from "./rotary-vision.ts"

/** Names within a merger, and what it makes. */
export interface PatchMergerSpec {
  /** Name of its norm. */
  readonly norm: string
  /** Names of its two linear layers. */
  readonly layers: readonly [string, string]
  /** Numbers in an embedding. */
  readonly outputs: number
}

/**
 * Projector: hidden rows [rows, width], a block's together, to embeddings [rows / merge², outputs]: norm, rows of a block joined, two linear layers
 * (transformers 4.57.6 `PatchMerger`). `joinFirst`: the norm is over joined rows (`use_postshuffle_norm` of `Qwen3VLVisionPatchMerger`).
 */
export const patchMerger = (x: Value, weights: Weights, { layers, norm, outputs }: PatchMergerSpec, vision: RotaryVisionSpec, joinFirst = false): Value => {
  const { width } = vision
  const joined = width * vision.merge ** 2
  const rows = joinFirst ? vision.norm(reshape(x, [-1, joined]), weights, norm, joined) : reshape(vision.norm(x, weights, norm, width), [-1, joined])
  return linear(gelu(linear(rows, weights, layers[0], joined, joined, true), "none"), weights, layers[1], joined, outputs, true)
}
