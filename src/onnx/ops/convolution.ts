import type { Value } from "../graph-builder.ts"
import { impossible, mayEqual, slidSide } from "../shape-inference.ts"
import { product, type Side } from "../side.ts"

/** How a window slides over the axes after the first two. */
export interface Sliding {
  /** One step an axis. Default 1. */
  readonly strides?: ReadonlyArray<number>
  /** Begins of all axes, then ends. Default 0. */
  readonly pads?: ReadonlyArray<number>
}

const slid = (
  op: string,
  sides: ReadonlyArray<Side>,
  kernel: ReadonlyArray<Side>,
  { pads, strides }: Sliding,
  dilations?: ReadonlyArray<number>
): ReadonlyArray<Side> =>
  sides.map((side, i) => {
    const size = kernel[i]
    if (typeof size !== "number") throw impossible(op, "the kernel's sides are numbers", sides, kernel)
    return slidSide(op, side, size, strides?.[i] ?? 1, (pads?.[i] ?? 0) + (pads?.[sides.length + i] ?? 0), dilations?.[i] ?? 1)
  })

const checkAxes = (op: string, axes: number, { pads, strides }: Sliding): void => {
  if (axes < 1 || (strides !== undefined && strides.length !== axes) || (pads !== undefined && pads.length !== 2 * axes))
    throw new Error(`${op}: ${axes} axes slide, with ${strides?.length ?? "no"} strides and ${pads?.length ?? "no"} pads`)
}

/** How a convolution slides. */
export interface ConvolutionOptions extends Sliding {
  /** One an axis. Default 1. */
  readonly dilations?: ReadonlyArray<number>
  /** Channels that do not mix with others; default 1, as many as channels: depthwise. */
  readonly groups?: number
}

/** x [batch, channels, ...axes] with w [outputs, channels / groups, ...kernel], plus bias [outputs]: [batch, outputs, ...]. One axis or more. */
export const conv = (x: Value, w: Value, bias?: Value, options: ConvolutionOptions = {}): Value => {
  const { dilations, groups = 1, pads, strides } = options
  const axes = x.shape.length - 2
  checkAxes("Conv", axes, options)
  const [outputs, inputs] = w.shape
  if (
    w.shape.length !== x.shape.length ||
    !mayEqual(x.shape[1], product([inputs, groups])) ||
    (bias !== undefined && (bias.shape.length !== 1 || !mayEqual(bias.shape[0], outputs)))
  ) {
    throw impossible("Conv", `weights do not fit (${groups} groups)`, x.shape, w.shape, ...(bias === undefined ? [] : [bias.shape]))
  }
  const shape = [x.shape[0], outputs, ...slid("Conv", x.shape.slice(2), w.shape.slice(2), options, dilations)]
  return x.graph.node("Conv", [x, w, bias], { group: groups, strides, pads, dilations }, { outputs: [{ dtype: x.dtype, shape }] })[0]
}

/** How a pool slides. */
export interface PoolOptions extends Sliding {
  readonly kernel: ReadonlyArray<number>
}

/** The mean under each window of x [batch, channels, ...axes]; padding does not count. */
export const averagePool = (x: Value, options: PoolOptions): Value => {
  const { kernel, pads, strides } = options
  checkAxes("AveragePool", x.shape.length - 2, options)
  if (kernel.length !== x.shape.length - 2) throw impossible("AveragePool", "the kernel has another rank", x.shape, kernel)
  const shape = [...x.shape.slice(0, 2), ...slid("AveragePool", x.shape.slice(2), kernel, options)]
  return x.graph.node("AveragePool", [x], { kernel_shape: kernel, strides, pads }, { outputs: [{ dtype: x.dtype, shape }] })[0]
}

/** How samples between pixels are taken, by ONNX's names. */
export interface ResizeOptions {
  readonly mode: "nearest" | "linear" | "cubic"
  /** Default "half_pixel": pixels are areas, as in Pillow and PyTorch's `align_corners=False`. */
  readonly coordinates?: "half_pixel" | "align_corners" | "asymmetric"
}

/** x [batch, channels, height, width] in another height and width. */
export const resize = (x: Value, size: readonly [height: number, width: number], { coordinates = "half_pixel", mode }: ResizeOptions): Value => {
  if (x.shape.length !== 4) throw impossible("Resize", "not [batch, channels, height, width]", x.shape)
  const { graph } = x
  const sizes = graph.constant({ dtype: "int64", shape: [2], data: BigInt64Array.from(size, BigInt) })
  const attributes = { axes: [2, 3], mode, coordinate_transformation_mode: coordinates, ...(mode === "nearest" ? { nearest_mode: "floor" } : {}) }
  return graph.node("Resize", [x, undefined, undefined, sizes], attributes, { outputs: [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...size] }] })[0]
}
