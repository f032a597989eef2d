import type { Tensor } from "../tensor/tensor.ts"

/** Rungs of the golden ladder, lowest first. */
export const rungs = ["features", "embeddings", "layout", "positions", "logits", "tokens"] as const
/** One rung of the golden ladder. */
export type Rung = (typeof rungs)[number]

/** What a comparison on one rung found. */
export interface Finding {
  readonly rung: Rung
  /** The tensor or option that was looked at. */
  readonly what: string
  readonly passed: boolean
  /** Figures: the difference and its bound. */
  readonly detail: string
}

/** A finding that a thing is missing, extra or unknown. */
export const failed = (rung: Rung, what: string, detail: string): Finding => ({ rung, what, passed: false, detail })

const show = (shape: ReadonlyArray<number>) => `[${shape.join(", ")}]`

/** Numbers of a float32 or int64 tensor; none where it is another type. */
export const numbersOf = ({ data, dtype }: Tensor): Float32Array | Float64Array | undefined =>
  dtype === "float32" ? data : dtype === "int64" ? Float64Array.from(data, Number) : undefined

const sameShape = (rung: Rung, what: string, own: ReadonlyArray<number>, reference: ReadonlyArray<number>): Finding | undefined =>
  own.join() === reference.join() ? undefined : failed(rung, what, `shape ${show(own)}, the reference has ${show(reference)}`)

/** Whole numbers, exact. */
export const exact = (rung: Rung, what: string, own: ArrayLike<number>, ownShape: ReadonlyArray<number>, reference: Tensor): Finding => {
  const wrong = sameShape(rung, what, ownShape, reference.shape)
  if (wrong !== undefined) return wrong
  if (reference.dtype !== "int64") return failed(rung, what, `the reference is ${reference.dtype}, not int64`)
  for (let i = 0; i < own.length; i++) {
    if (own[i] !== Number(reference.data[i])) return failed(rung, what, `element ${i} is ${own[i]}, the reference has ${reference.data[i]}`)
  }
  return { rung, what, passed: true, detail: `${own.length} equal` }
}

/** Differences of two float arrays. */
const differences = (own: Float32Array, reference: Float32Array) => {
  let [largest, magnitude, near, finite] = [0, 0, 0, true]
  for (let i = 0; i < own.length; i++) {
    const difference = Math.abs(own[i] - reference[i])
    if (!(difference <= Number.MAX_VALUE)) finite = false
    if (difference > largest) largest = difference
    if (difference <= 1e-4) near++
    magnitude = Math.max(magnitude, Math.abs(reference[i]))
  }
  return { largest, magnitude, nearShare: own.length === 0 ? 1 : near / own.length, finite }
}

/** Within `relative` x the reference's largest magnitude. */
export const close = (rung: Rung, what: string, own: Float32Array, ownShape: ReadonlyArray<number>, reference: Tensor, relative: number): Finding => {
  const wrong = sameShape(rung, what, ownShape, reference.shape)
  if (wrong !== undefined) return wrong
  if (reference.dtype !== "float32") return failed(rung, what, `the reference is ${reference.dtype}, not float32`)
  const { finite, largest, magnitude } = differences(own, reference.data)
  const bound = relative * magnitude
  return { rung, what, passed: finite && largest <= bound, detail: `differs by ${largest.toExponential(1)}, bound ${bound.toExponential(1)}` }
}

/** Features of pictures: 99 % within 1e-4, none further than `level` (one 8-bit level after normalization). */
export const pictureFeatures = (what: string, own: Float32Array, ownShape: ReadonlyArray<number>, reference: Tensor, level: number): Finding => {
  const wrong = sameShape("features", what, ownShape, reference.shape)
  if (wrong !== undefined) return wrong
  if (reference.dtype !== "float32") return failed("features", what, `the reference is ${reference.dtype}, not float32`)
  const { finite, largest, nearShare } = differences(own, reference.data)
  return {
    rung: "features",
    what,
    passed: finite && nearShare >= 0.99 && largest <= level * 1.01,
    detail: `${(nearShare * 100).toFixed(2)} % within 1e-4, differs by ${largest.toExponential(1)}, bound ${level.toExponential(1)}`
  }
}

/** Features of sound: within 1e-3. */
export const soundFeatures = (what: string, own: Float32Array, ownShape: ReadonlyArray<number>, reference: Tensor): Finding => {
  const wrong = sameShape("features", what, ownShape, reference.shape)
  if (wrong !== undefined) return wrong
  if (reference.dtype !== "float32") return failed("features", what, `the reference is ${reference.dtype}, not float32`)
  const { finite, largest } = differences(own, reference.data)
  return { rung: "features", what, passed: finite && largest <= 1e-3, detail: `differs by ${largest.toExponential(1)}, bound 1e-3` }
}

const two = (row: Float32Array): { readonly best: number; readonly gap: number } => {
  let [best, first, second] = [0, -Infinity, -Infinity]
  for (let i = 0; i < row.length; i++) {
    if (row[i] > first) {
      second = first
      first = row[i]
      best = i
    } else if (row[i] > second) second = row[i]
  }
  return { best, gap: first - second }
}

/** Steps of the reference, up to and without the first whose two best are closer than the logits' bound. */
export const decidedSteps = (logits: Float32Array, vocabulary: number, bound: number): number => {
  const steps = logits.length / vocabulary
  for (let step = 0; step < steps; step++) if (two(logits.subarray(step * vocabulary, (step + 1) * vocabulary)).gap <= bound) return step
  return steps
}

/** Logits of the steps that both took, [steps, vocabulary]: difference, and the same best token wherever the reference is decided. */
export const logits = (own: Float32Array, reference: Tensor): ReadonlyArray<Finding> => {
  const [steps, vocabulary] = [reference.shape[0] ?? 0, reference.shape[1] ?? 0]
  if (reference.dtype !== "float32" || reference.shape.length !== 2)
    return [failed("logits", "logits", `the reference is ${reference.dtype} ${show(reference.shape)}`)]
  if (own.length % vocabulary !== 0) return [failed("logits", "logits", `the vocabulary is not the reference's ${vocabulary}`)]
  const { magnitude } = differences(reference.data, reference.data)
  const bound = 2e-3 * magnitude
  // After the first undecided step the two may have gone different ways.
  const decided = decidedSteps(reference.data, vocabulary, bound)
  const compared = Math.min(steps, decided + 1)
  if (own.length < compared * vocabulary) return [failed("logits", "logits", `${own.length / vocabulary} steps, the reference has ${steps}`)]
  const { finite, largest } = differences(own.subarray(0, compared * vocabulary), reference.data.subarray(0, compared * vocabulary))
  let argmax = true
  for (let step = 0; step < decided; step++) {
    const row = (array: Float32Array) => two(array.subarray(step * vocabulary, (step + 1) * vocabulary)).best
    if (row(own) !== row(reference.data)) argmax = false
  }
  return [
    {
      rung: "logits",
      what: "logits",
      passed: finite && largest <= bound && argmax,
      detail: `${compared} of ${steps} steps, differs by ${largest.toExponential(1)}, bound ${bound.toExponential(1)}${argmax ? "" : ", another token is best"}`
    }
  ]
}
