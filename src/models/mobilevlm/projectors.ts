import { averageWeights } from "../../compile/blocks/axis-weights.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { mapGrid } from "../../compile/blocks/grid-map.ts"
import { layer } from "../../compile/blocks/normalization.ts"
import type { Weights } from "../../compile/weights.ts"
import { add, clip, conv, gelu, hardSwish, mul, reduceMean, relu, reshape, transpose } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import { float32 } from "../../tensor/tensor.ts"

/** A projector that leaves fewer rows of a picture than it has patches. */
export interface Downsampler {
  /** Rows along a side, of so many patches along it. */
  readonly rowsAcross: (across: number) => number
  /** Hidden rows [tiles, across x across, inputs] to embeddings [tiles, rows, outputs]. `weights`: of the projector. */
  readonly project: (hidden: Value, weights: Weights, across: number, inputs: number, outputs: number) => Value
}

/** Rows as planes, [tiles, rows, width] to [tiles, width, across, across], and back. */
const planes = (rows: Value, across: number, width: number): Value => reshape(transpose(rows, [0, 2, 1]), [-1, width, across, across])
const rowsOf = (x: Value, width: number): Value => transpose(reshape(x, [0, width, -1]), [0, 2, 1])

/** Two layers with GELU between. */
const mlp = (hidden: Value, weights: Weights, [first, second]: readonly [string, string], inputs: number, outputs: number): Value =>
  linear(gelu(linear(hidden, weights, first, inputs, outputs, true), "none"), weights, second, outputs, outputs, true)

/** Layer norm over the channels of planes (timm's `LayerNormAct2d`). */
const channelNorm = (x: Value, weights: Weights, name: string, width: number): Value =>
  transpose(layer(transpose(x, [0, 2, 3, 1]), weights, name, width, 1e-5), [0, 3, 1, 2])

/** torchvision's `_make_divisible(..., 8)`. */
const multipleOfEight = (value: number): number => {
  const near = Math.max(8, Math.floor((value + 4) / 8) * 8)
  return near < 0.9 * value ? near + 8 : near
}

/** A depthwise convolution, channels weighed by what they hold all over the picture, and a matrix (torchvision's `InvertedResidual` without its first layer). */
const invertedResidual = (x: Value, weights: Weights, width: number, stride: 1 | 2): Value => {
  const block = weights.at("block")
  const spread = hardSwish(
    channelNorm(
      conv(x, block.tensor("0.0.weight", [width, 1, 3, 3]), undefined, { strides: [stride, stride], pads: [1, 1, 1, 1], groups: width }),
      block,
      "0.1",
      width
    )
  )
  const squeezed = multipleOfEight(Math.floor(width / 4))
  const pointwise = (value: Value, name: string, inputs: number, outputs: number) =>
    conv(value, block.tensor(`1.${name}.weight`, [outputs, inputs, 1, 1]), block.tensor(`1.${name}.bias`, [outputs]))
  const scale = pointwise(relu(pointwise(reduceMean(spread, [2, 3]), "fc1", width, squeezed)), "fc2", squeezed, width)
  const weighed = mul(spread, clip(add(mul(scale, 1 / 6), 0.5), 0, 1))
  const out = channelNorm(conv(weighed, block.tensor("2.0.weight", [width, width, 1, 1])), block, "2.1", width)
  return stride === 1 ? add(x, out) : out
}

/** LDP of MobileVLM: two layers, then two blocks of convolutions, the second of which halves both sides (`LDPNetProjector`). */
export const ldp: Downsampler = {
  rowsAcross: (across) => Math.floor((across - 1) / 2) + 1,
  project: (hidden, weights, across, inputs, outputs) => {
    const model = weights.at("model")
    const first = planes(mlp(hidden, model, ["mlp.1", "mlp.3"], inputs, outputs), across, outputs)
    return rowsOf(invertedResidual(invertedResidual(first, model.at("mb_block.1"), outputs, 1), model.at("mb_block.2"), outputs, 2), outputs)
  }
}

const POOLED = 12

/** LDPv2 of MobileVLM V2: two layers, means of 12 x 12 windows, and what a depthwise convolution adds of the neighbours (`LDPNetV2Projector`). */
export const ldpV2: Downsampler = {
  rowsAcross: () => POOLED,
  project: (hidden, weights, across, inputs, outputs) => {
    const means = hidden.graph.constant(float32([POOLED, across], averageWeights(across, POOLED)))
    const pooled = mapGrid(reshape(mlp(hidden, weights, ["mlp.mlp.0", "mlp.mlp.2"], inputs, outputs), [-1, across, across, outputs]), means, means, outputs)
    const x = transpose(pooled, [0, 3, 1, 2])
    return rowsOf(
      add(
        conv(x, weights.tensor("peg.peg.0.weight", [outputs, 1, 3, 3]), weights.tensor("peg.peg.0.bias", [outputs]), { pads: [1, 1, 1, 1], groups: outputs }),
        x
      ),
      outputs
    )
  }
}
