import { broadcastSide, floorDivide, product, quotient, type Side, sum } from "./side.ts"

/** A shape: sides, known or symbolic. */
export type Shape = ReadonlyArray<Side>

/** A shape as text, for messages. */
export const show = (shape: Shape): string => `[${shape.join(", ")}]`

/** A mistake of whoever builds the graph: the operator and the shapes that do not go together. */
export const impossible = (op: string, why: string, ...shapes: ReadonlyArray<Shape>): Error =>
  new Error(`${op}: ${why}${shapes.length === 0 ? "" : `: ${shapes.map(show).join(" and ")}`}`)

/** `axis` counted from the front; it may be given from the back (-1: the last). */
export const axisOf = (op: string, shape: Shape, axis: number, rank = shape.length): number => {
  const from = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || from < 0 || from >= rank) throw impossible(op, `no axis ${axis}`, shape)
  return from
}

/** Whether two sides can be one at run time. */
export const mayEqual = (a: Side, b: Side): boolean => typeof a !== "number" || typeof b !== "number" || a === b

/** Multidirectional broadcast, as NumPy's. */
export const broadcast = (op: string, ...shapes: ReadonlyArray<Shape>): Shape =>
  shapes.reduce((a, b) => {
    const rank = Math.max(a.length, b.length)
    return Array.from({ length: rank }, (_, i) => {
      const side = broadcastSide(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1)
      if (side === undefined) throw impossible(op, "cannot be broadcast", ...shapes)
      return side
    })
  })

/** Matrix product: the last two axes multiply, the others broadcast; a vector is a row on the left, a column on the right. */
export const matMulShape = (op: string, a: Shape, b: Shape, transA = false, transB = false): Shape => {
  if (a.length === 0 || b.length === 0) throw impossible(op, "a scalar is no matrix", a, b)
  const [left, right] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b]
  const [m, k] = transA ? [left[left.length - 1], left[left.length - 2]] : [left[left.length - 2], left[left.length - 1]]
  const [inner, n] = transB ? [right[right.length - 1], right[right.length - 2]] : [right[right.length - 2], right[right.length - 1]]
  if (!mayEqual(k, inner)) throw impossible(op, `inner sides ${k} and ${inner} differ`, a, b)
  return [...broadcast(op, left.slice(0, -2), right.slice(0, -2)), ...(a.length === 1 ? [] : [m]), ...(b.length === 1 ? [] : [n])]
}

/** The shape that `target` names: -1 is what is left (once), 0 is the input's side of the same place. */
export const reshapeShape = (input: Shape, target: ReadonlyArray<number>): Shape => {
  const refuse = (why: string) => impossible("reshape", why, input, target)
  if (target.some((side) => !Number.isInteger(side) || side < -1)) throw refuse("sides are whole numbers or -1")
  if (target.filter((side) => side === -1).length > 1) throw refuse("only one side can be -1")
  const sides = target.map((side, i): Side => {
    if (side !== 0) return side
    if (i >= input.length) throw refuse(`no side ${i} to keep`)
    return input[i]
  })
  const total = product(input)
  const known = product(sides.filter((side) => side !== -1))
  if (!sides.includes(-1)) {
    if (!mayEqual(total, known)) throw refuse(`${total} elements into ${known}`)
    return sides
  }
  const left = quotient(total, known)
  if (left === undefined) throw refuse(`${total} elements are no multiple of ${known}`)
  return sides.map((side) => (side === -1 ? left : side))
}

/** Side after a window of `kernel` with `dilation` slides over `side` padded by `pads` (both ends together) in steps of `stride`. */
export const slidSide = (op: string, side: Side, kernel: number, stride: number, pads: number, dilation: number): Side => {
  const room = sum([side, pads - dilation * (kernel - 1) - 1])
  if (typeof room === "number" && room < 0) throw impossible(op, `a window of ${dilation * (kernel - 1) + 1} does not fit ${side} with ${pads} of padding`)
  return sum([floorDivide(room, stride), 1])
}

/** Side left of `side` by a slice; both ends counted as ONNX counts them (negative: from the back; beyond: clamped). A symbol of its own where that depends on the run. */
export const slicedSide = (side: Side, from: number, to: number, step: number): Side => {
  if (typeof side === "number") {
    const clamp = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at < 0 ? at + side : at))
    return step > 0
      ? Math.max(0, Math.ceil((clamp(to, 0, side) - clamp(from, 0, side)) / step))
      : Math.max(0, side === 0 ? 0 : Math.ceil((clamp(from, 0, side - 1) - clamp(to, -1, side - 1)) / -step))
  }
  const open = to >= Number.MAX_SAFE_INTEGER
  if (step === 1) {
    if (from >= 0 && open) return sum([side, -from])
    if (from >= 0 && to < 0) return sum([side, -from, to])
    if (from < 0 && open) return -from
    if (from < 0 && to < 0) return Math.max(0, to - from)
  }
  return `(slice(${side},${from},${open ? "end" : to},${step}))`
}
