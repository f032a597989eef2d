import { matMul, reshape } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"

/**
 * A grid of rows to another grid, each axis for itself: x [batch, height, width, channels] by `rows` [new height, height] and `columns` [new width, width] to
 * [batch, new height, new width, channels]. Interpolations, pools and windows are such maps; `axis-weights.ts` computes their weights.
 */
export const mapGrid = (x: Value, rows: Value, columns: Value, channels: number): Value =>
  reshape(matMul(rows, reshape(matMul(columns, x), [0, 0, -1])), [0, 0, -1, channels])
