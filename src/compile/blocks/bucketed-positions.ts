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
  return Float32Array.from({ length: count }, (_, i) => (i < unrolled ? fround(start + step * (i - (i % LANES))) + (i % LANES) * step : start + i * step))
}

/** How many of the rising `boundaries` are at most `value` (`torch.bucketize(..., right=True)`). */
export const bucketOf = (value: number, boundaries: Float32Array): number => {
  let bucket = 0
  while (bucket < boundaries.length && boundaries[bucket] <= value) bucket++
  return bucket
}

/** Which of `across` learned positions along a side each patch has, by the fraction of the side that it stands at, [patches]. */
export const bucketedPositions = (fractions: Float32Array, across: number): ReadonlyArray<number> => {
  const boundaries = torchArange(1 / across, 1, 1 / across)
  return Array.from(fractions, (fraction) => bucketOf(fraction, boundaries))
}

/** Fractions as transformers 5.18's Idefics3 takes them: multiples of a rounded step. Rounding may put a patch one bucket early. */
export const steppedFractions = (count: number): Float32Array => {
  const step = fround(1 / count)
  return Float32Array.from({ length: count }, (_, i) => Math.min(fround(i * step), fround(1 - 1e-6)))
}

/** Positions of a grid of patches in a square table of `across` a side, row by row, from those along each side. */
export const positionsOnGrid = (down: ReadonlyArray<number>, right: ReadonlyArray<number>, across: number): ReadonlyArray<number> =>
  down.flatMap((row) => right.map((column) => row * across + column))
