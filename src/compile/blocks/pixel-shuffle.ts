import { reshape, transpose } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"

/**
 * Blocks of `scale` x `scale` neighbours as one row: x [tiles, side x side, width] to [tiles, (side / scale)², width x scale²], a block's rows in reading
 * order (transformers `Idefics3Connector.pixel_shuffle`).
 */
export const pixelShuffle = (x: Value, side: number, width: number, scale: number): Value => {
  const blocks = side / scale
  const apart = reshape(x, [-1, blocks, scale, blocks, scale * width])
  return reshape(transpose(apart, [0, 1, 3, 2, 4]), [-1, blocks ** 2, scale ** 2 * width])
}
