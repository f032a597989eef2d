import { Effect } from "effect"
import { BackendFailure } from "../core/errors.ts"
import { seededRandom } from "./seeded-random.ts"

/** How the next token is chosen. Neutral values change nothing: topK 0, topP 1, minP 0, repeatPenalty 1. */
export interface SamplerSettings {
  /** 0: always the likeliest token, the lowest id among equals. */
  readonly temperature: number
  /** Only the likeliest so many tokens, and those equal to the last of them. */
  readonly topK: number
  /** Only the likeliest tokens that together reach this probability. */
  readonly topP: number
  /** Only tokens with at least this part of the likeliest one's probability. */
  readonly minP: number
  /** Above 1 makes tokens that were seen less likely. */
  readonly repeatPenalty: number
  /** A whole number; the same one gives the same tokens. Default: another one each time. */
  readonly seed?: number
}

/** The tokens that may come next, by id, and their probabilities. */
export interface TokenDistribution {
  readonly ids: Int32Array
  readonly probabilities: Float64Array
}

/** Chooses tokens. */
export interface Sampler {
  /** The next token after logits [vocabulary]; `seen`: ids of the prompt and of the answer so far. `BackendFailure`: logits that are not numbers, or all minus infinity. */
  readonly next: (logits: Float32Array, seen: ReadonlyArray<number>) => Effect.Effect<number, BackendFailure>
  /** What `next` draws from: at temperature 0 one token with probability 1. */
  readonly distribution: (logits: Float32Array, seen: ReadonlyArray<number>) => Effect.Effect<TokenDistribution, BackendFailure>
}

const fail = (message: string) => new BackendFailure({ stage: "decode", graph: "decoder", message })

/** The order of single-precision numbers as that of unsigned integers. */
const keyOf = (bits: number): number => (bits < 0 ? ~bits : bits | 0x80000000) >>> 0

/** Digits of a key: 11, 11 and 10 bits from the top. */
const DIGITS = [{ shift: 21, mask: 0x7ff }, { shift: 10, mask: 0x7ff }, { shift: 0, mask: 0x3ff }] as const

/**
 * The key at which weights, summed from the largest score down, reach `target`: three passes over histograms of the keys' digits, so that nothing is sorted
 * and the time does not depend on the scores. `above`: the sum over all larger keys.
 */
const keyAtWeight = (bits: Int32Array, count: number, weightOf: (at: number) => number, target: number): { readonly key: number; readonly above: number } => {
  let prefix = 0
  let above = 0
  for (const { mask, shift } of DIGITS) {
    const sums = new Float64Array(mask + 1)
    const used = new Uint8Array(mask + 1)
    const covered = Math.floor(2 ** 32 / ((mask + 1) * 2 ** shift))
    for (let at = 0; at < count; at++) {
      const key = keyOf(bits[at])
      if (covered > 1 && Math.floor(key / ((mask + 1) * 2 ** shift)) !== prefix) continue
      const digit = (key >>> shift) & mask
      sums[digit] += weightOf(at)
      used[digit] = 1
    }
    let chosen = -1
    for (let digit = mask; digit >= 0; digit--) {
      if (used[digit] === 0) continue
      // Rounding may leave the whole sum below the target: then the smallest key is the one.
      if (chosen !== -1) above += sums[chosen]
      chosen = digit
      if (above + sums[digit] >= target) break
    }
    prefix = prefix * (mask + 1) + chosen
  }
  return { key: prefix >>> 0, above }
}

/**
 * Makes a sampler with the semantics of transformers' logits processors, in their order: repetition penalty, temperature, top-k, top-p, min-p. The random
 * numbers are xoshiro128**'s (seeded-random.ts); a token is drawn by walking the cumulated probabilities in the order of ids. Calls share memory: one answer, one sampler.
 */
export const makeSampler = (settings: SamplerSettings): Sampler => {
  const { minP, repeatPenalty, temperature, topK, topP } = settings
  const random = seededRandom(settings.seed ?? Math.floor(Math.random() * 2 ** 48))
  let scores = new Float32Array(0)
  let ids = new Int32Array(0)
  let weights = new Float64Array(0)

  /** Fills `scores` with penalized logits and gives the best id. */
  const penalize = (logits: Float32Array, seen: ReadonlyArray<number>): number | BackendFailure => {
    const { length } = logits
    if (scores.length !== length) {
      scores = new Float32Array(length)
      ids = new Int32Array(length)
      weights = new Float64Array(length)
    }
    scores.set(logits)
    if (repeatPenalty !== 1) {
      for (const id of seen) {
        if (id >= 0 && id < length) scores[id] = logits[id] < 0 ? logits[id] * repeatPenalty : logits[id] / repeatPenalty
      }
    }
    let best = 0
    let bad = 0
    for (let id = 0; id < length; id++) {
      const score = scores[id]
      if (score > scores[best]) best = id
      if (Number.isNaN(score) || score === Infinity) bad++
    }
    if (length === 0) return fail("the decoder gave no logits")
    if (bad > 0) return fail(`${bad} of the decoder's ${length} logits are not finite`)
    if (scores[best] === -Infinity) return fail(`all of the decoder's ${length} logits are minus infinity`)
    return best
  }

  /** Fills `ids` and `weights` with the tokens that may come next and gives how many there are. */
  const choose = (logits: Float32Array, seen: ReadonlyArray<number>): number | BackendFailure => {
    const best = penalize(logits, seen)
    if (best instanceof BackendFailure) return best
    if (temperature === 0) {
      ids[0] = best
      weights[0] = 1
      return 1
    }
    const { length } = scores
    // Adding 0 makes one zero of the two.
    for (let id = 0; id < length; id++) scores[id] = scores[id] / temperature + 0
    const bits = new Int32Array(scores.buffer)
    let count = length
    for (let id = 0; id < length; id++) ids[id] = id
    /** Keeps what passes, in order; scores of the kept come to the front. */
    const keep = (passes: (at: number) => boolean) => {
      let kept = 0
      for (let at = 0; at < count; at++) {
        if (!passes(at)) continue
        ids[kept] = ids[at]
        weights[kept] = weights[at]
        scores[kept++] = scores[at]
      }
      count = kept
    }
    const top = scores[best]
    if (topK > 0 && topK < length) {
      const { key } = keyAtWeight(bits, count, () => 1, topK)
      keep((at) => keyOf(bits[at]) >= key)
    }
    let total = 0
    for (let at = 0; at < count; at++) total += weights[at] = Math.exp(scores[at] - top)
    if (topP < 1) {
      const target = topP * total
      const { above, key } = keyAtWeight(bits, count, (at) => weights[at], target)
      // Of equals at the border as many stay as are needed, those with the highest ids, as a stable ascending sort leaves them.
      let equals = 0
      let weight = 0
      for (let at = 0; at < count; at++) {
        if (keyOf(bits[at]) !== key) continue
        equals++
        weight = weights[at]
      }
      let dropped = equals - Math.min(equals, Math.max(1, weight > 0 ? Math.ceil((target - above) / weight) : equals))
      keep((at) => {
        const own = keyOf(bits[at])
        return own > key || (own === key && dropped-- <= 0)
      })
    }
    if (minP > 0) keep((at) => weights[at] >= minP)
    return count
  }
  const sum = (count: number): number => {
    let total = 0
    for (let at = 0; at < count; at++) total += weights[at]
    return total
  }
  return {
    next: (logits, seen) => Effect.suspend(() => {
      if (temperature === 0) {
        const best = penalize(logits, seen)
        return best instanceof BackendFailure ? Effect.fail(best) : Effect.succeed(best)
      }
      const count = choose(logits, seen)
      if (count instanceof BackendFailure) return Effect.fail(count)
      let left = random() * sum(count)
      let last = 0
      for (let at = 0; at < count; at++) {
        if (weights[at] === 0) continue
        last = at
        left -= weights[at]
        if (left < 0) break
      }
      return Effect.succeed(ids[last])
    }),
    distribution: (logits, seen) => Effect.suspend(() => {
      const count = choose(logits, seen)
      if (count instanceof BackendFailure) return Effect.fail(count)
      const total = sum(count)
      return Effect.succeed({ ids: ids.slice(0, count), probabilities: weights.slice(0, count).map((weight) => weight / total) })
    })
  }
}
