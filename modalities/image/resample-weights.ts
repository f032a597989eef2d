import type { ResampleFilter } from "./resample-filter.ts"

/** Whose fixed point the weights take: Pillow's 22 bits, or the 16-bit integers of torchvision (ATen). */
export type ResampleRounding = "pillow" | "torchvision"

/** For each output pixel of one axis: where its source pixels begin, how many there are, and their weights in fixed point. */
export interface ResampleWeights {
  /** [outputs] */
  readonly from: Int32Array
  /** [outputs] */
  readonly count: Int32Array
  /** [outputs, taps]; unused taps are 0. */
  readonly weights: Int32Array
  readonly taps: number
  /** Bits behind the point. */
  readonly bits: number
}

const pillowBits = 22

/** The most bits with which the largest weight still fits 16 signed bits: `_compute_index_ranges_int16_weights` of ATen's UpSampleKernel.cpp. */
const torchvisionBits = (largest: number): number => {
  let bits = 0
  while (bits < pillowBits && Math.trunc(0.5 + largest * 2 ** (bits + 1)) < 1 << 15) bits++
  return bits
}

/**
 * The antialiased weights of one axis from `from` to `to` pixels: `precompute_coeffs` of Pillow's Resample.c, which ATen follows. Of the pixels that come out, those of `outputs`
 * from `first` on.
 */
export const resampleWeights = (from: number, to: number, filter: ResampleFilter, rounding: ResampleRounding, first = 0, outputs = to): ResampleWeights => {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const support = filter.support * stretch
  const inverse = 1 / stretch
  const taps = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(outputs)
  const count = new Int32Array(outputs)
  const exact = new Float64Array(outputs * taps)
  const one = new Float64Array(taps)
  let largest = 0
  // How many bits there are hangs on the largest weight of all.
  const [begin, end] = rounding === "pillow" ? [first, first + outputs] : [0, to]
  for (let i = begin; i < end; i++) {
    const center = (i + 0.5) * scale
    const start = Math.max(0, Math.trunc(center - support + 0.5))
    const n = Math.min(from, Math.trunc(center + support + 0.5)) - start
    let total = 0
    for (let j = 0; j < n; j++) {
      one[j] = filter.weight((j + start - center + 0.5) * inverse)
      total += one[j]
    }
    for (let j = 0; j < n; j++) {
      if (total !== 0) one[j] /= total
      largest = Math.max(largest, one[j])
    }
    const at = i - first
    if (at < 0 || at >= outputs) continue
    exact.set(n === taps ? one : one.subarray(0, n), at * taps)
    starts[at] = start
    count[at] = n
  }
  const bits = rounding === "pillow" ? pillowBits : torchvisionBits(largest)
  const weights = Int32Array.from(exact, (weight) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5)))
  return { from: starts, count, weights, taps, bits }
}
