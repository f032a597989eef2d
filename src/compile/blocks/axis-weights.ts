/** Weights of a linear map along one axis, row by row: [to, from]. */
export type AxisWeights = Float32Array<ArrayBuffer>

/** Where each element of an axis stands among `from` elements, pixels being areas (`align_corners=False`). */
const centreOf = (i: number, from: number, to: number): number => (from / to) * (i + 0.5) - 0.5

/** Every element as it is: [count, count]. */
export const sameWeights = (count: number): AxisWeights => {
  const weights = new Float32Array(count * count)
  for (let i = 0; i < count; i++) weights[i * count + i] = 1
  return weights
}

/** Between two neighbours, without antialias (`torch.nn.functional.interpolate(..., mode="bilinear")`). */
export const bilinearWeights = (from: number, to: number): AxisWeights => {
  const weights = new Float32Array(to * from)
  for (let i = 0; i < to; i++) {
    const centre = Math.max(0, centreOf(i, from, to))
    const first = Math.min(from - 1, Math.floor(centre))
    const share = Math.min(1, centre - first)
    weights[i * from + first] += 1 - share
    weights[i * from + Math.min(from - 1, first + 1)] += share
  }
  return weights
}

/** The cubic that PyTorch takes. */
const A = -0.75

/** Among four neighbours, the outermost repeated over the edge, without antialias (`interpolate(..., mode="bicubic")`). */
export const bicubicWeights = (from: number, to: number): AxisWeights => {
  const near = (t: number) => ((A + 2) * t - (A + 3)) * t * t + 1
  const far = (t: number) => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A
  const weights = new Float32Array(to * from)
  for (let i = 0; i < to; i++) {
    const centre = centreOf(i, from, to)
    const first = Math.floor(centre)
    const t = centre - first
    for (const [offset, weight] of [far(t + 1), near(t), near(1 - t), far(2 - t)].entries()) {
      weights[i * from + Math.min(from - 1, Math.max(0, first - 1 + offset))] += weight
    }
  }
  return weights
}

/** The mean of each of `to` stretches, which overlap where they do not come out even (`torch.nn.AdaptiveAvgPool2d`). */
export const averageWeights = (from: number, to: number): AxisWeights => {
  const weights = new Float32Array(to * from)
  for (let i = 0; i < to; i++) {
    const [first, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]
    weights.fill(1 / (end - first), i * from + first, i * from + end)
  }
  return weights
}

const { fround } = Math

/**
 * Windows side by side, each `size` long, cut into `bins`: [windows x bins, from]. A bin is the mean of as many samples as it has elements, rounded up, each
 * between two neighbours (torchvision's `roi_align`, `aligned=False`, in its single precision, since how many samples there are hangs on the last bit).
 */
export const windowWeights = (from: number, windows: number, size: number, bins: number): AxisWeights => {
  const weights = new Float32Array(windows * bins * from)
  for (let window = 0; window < windows; window++) {
    const start = fround(window * size)
    const length = Math.max(1, fround(fround(window * size + size) - start))
    const bin = fround(length / bins)
    const samples = Math.ceil(bin)
    for (let i = 0; i < bins; i++) {
      for (let sample = 0; sample < samples; sample++) {
        const at = fround(fround(start + fround(i * bin)) + fround(fround((sample + 0.5) * bin) / samples))
        if (at < -1 || at > from) continue
        const inside = Math.max(0, at)
        const first = Math.min(from - 1, Math.floor(inside))
        const share = first >= from - 1 ? 0 : inside - first
        const row = (window * bins + i) * from
        weights[row + first] += (1 - share) / samples
        if (share > 0) weights[row + first + 1] += share / samples
      }
    }
  }
  return weights
}
