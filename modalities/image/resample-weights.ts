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

/** The antialiased weights of one axis from `from` to `to` pixels: `precompute_coeffs` of Pillow's Resample.c, which ATen follows. */
export const resampleWeights = (from: number, to: number, filter: ResampleFilter, rounding: ResampleRounding): ResampleWeights => {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const support = filter.support * stretch
  const inverse = 1 / stretch
  const taps = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(to)
  const count = new Int32Array(to)
  const exact = new Float64Array(to * taps)
  let largest = 0
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - support + 0.5))
    const n = Math.min(from, Math.trunc(center + support + 0.5)) - first
    let total = 0
    for (let j = 0; j < n; j++) {
      const weight = filter.weight((j + first - center + 0.5) * inverse)
      exact[i * taps + j] = weight
      total += weight
    }
    for (let j = 0; j < n; j++) {
      if (total !== 0) exact[i * taps + j] /= total
      largest = Math.max(largest, exact[i * taps + j])
    }
    starts[i] = first
    count[i] = n
  }
  const bits = rounding === "pillow" ? pillowBits : torchvisionBits(largest)
  const weights = Int32Array.from(exact, (weight) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5)))
  return { from: starts, count, weights, taps, bits }
}
