const { fround } = Math

/** Numbers that torch's processor steps take at once in float32, and of how many such steps it makes a loop. */
const [LANES, UNROLLED] = [8, 16]

/**
 * `torch.arange(start, end, step)` in float32: eight numbers from one rounded base at a time, what is left over one by one (measured
 * against torch 2.13 for 1/n, n up to 199). What follows compares such numbers with others that ought to be equal, so the last bit decides.
 */
export const torchArange = (start: number, end: number, step: number): Float32Array => {
  const count = Math.max(0, Math.ceil((end - start) / step))
  const unrolled = Math.floor(count / UNROLLED) * UNROLLED
  return Float32Array.from({ length: count }, (_, i) => i < unrolled ? fround(start + step * (i - i % LANES)) + (i % LANES) * step : start + i * step)
}

/** How many of the rising `boundaries` are at most `value` (`torch.bucketize(..., right=True)`). */
export const bucketOf = (value: number, boundaries: Float32Array): number => {
  let bucket = 0
  while (bucket < boundaries.length && boundaries[bucket] <= value) bucket++
  return bucket
}

/**
 * Which of `across` learned positions along a side each of `count` patches has: the fraction that it stands at, put into buckets (transformers 5.18
 * `Idefics3VisionEmbeddings`). Rounding may put a patch one bucket early: 25 of 25 are not 0 to 24.
 */
export const bucketedPositions = (count: number, across: number): ReadonlyArray<number> => {
  const boundaries = torchArange(1 / across, 1, 1 / across)
  const step = fround(1 / count)
  return Array.from({ length: count }, (_, i) => bucketOf(Math.min(fround(i * step), fround(1 - 1e-6)), boundaries))
}
