import { Effect } from "effect"
import { BackendFailure } from "../core/errors.ts"
import { inSlices, type Steps } from "../text/time-slices.ts"
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

/** Tokens that one step of a pass looks at: where code is still cold, a vocabulary of 150,000 takes 8 milliseconds in one go. */
const PART = 1 << 14

/** A pass over `count` tokens, part by part. */
function* inParts(count: number, pass: (from: number, to: number) => void): Steps<void> {
  for (let from = 0; from < count; from += PART) {
    pass(from, Math.min(count, from + PART))
    yield
  }
}

/** The bits of a single-precision number as a signed integer of the same order. */
const keyOf = (bits: number): number => bits ^ ((bits >> 31) & 0x7fffffff)

/** Digits of a key from the top: how far each is shifted, and how many values it has. */
const DIGITS = [
  { shift: 21, values: 2048, lowest: -1024 },
  { shift: 10, values: 2048, lowest: 0 },
  { shift: 0, values: 1024, lowest: 0 }
] as const

/** Where weights, summed from the largest score down, reach a target. */
interface Border {
  readonly key: number
  /** Sum over all larger keys. */
  readonly above: number
  /** How many have this key, and their sum. */
  readonly equals: number
  readonly sum: number
}

/**
 * The key at which weights (1 each where there are none) reach `target`: three passes over histograms of the keys' digits, so that nothing is sorted and the
 * time does not depend on the scores.
 */
function* keyAtWeight(bits: Int32Array, weights: Float64Array | undefined, count: number, target: number): Steps<Border> {
  let border: Border = { key: 0, above: 0, equals: 0, sum: 0 }
  for (const { lowest, shift, values } of DIGITS) {
    const sums = new Float64Array(values)
    const counts = new Int32Array(values)
    const prefix = border.key
    const prefixShift = shift === 10 ? 21 : 10
    yield* inParts(count, (from, to) => {
      for (let at = from; at < to; at++) {
        const key = keyOf(bits[at])
        if (lowest === 0 && key >> prefixShift !== prefix) continue
        const digit = lowest === 0 ? (key >> shift) & (values - 1) : (key >> shift) - lowest
        counts[digit]++
        if (weights !== undefined) sums[digit] += weights[at]
      }
    })
    let { above } = border
    let chosen = -1
    for (let digit = values - 1; digit >= 0; digit--) {
      if (counts[digit] === 0) continue
      if (weights === undefined) sums[digit] = counts[digit]
      // Rounding may leave the whole sum below the target: then the smallest key is the one.
      if (chosen !== -1) above += sums[chosen]
      chosen = digit
      if (above + sums[digit] >= target) break
    }
    border = { key: lowest === 0 ? prefix * values + chosen : chosen + lowest, above, equals: counts[chosen], sum: sums[chosen] }
  }
  return border
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
  function* penalize(logits: Float32Array, seen: ReadonlyArray<number>): Steps<number | BackendFailure> {
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
    yield* inParts(length, (from, to) => {
      for (let id = from; id < to; id++) {
        const score = scores[id]
        if (score > scores[best]) best = id
        if (Number.isNaN(score) || score === Infinity) bad++
      }
    })
    if (length === 0) return fail("the decoder gave no logits")
    if (bad > 0) return fail(`${bad} of the decoder's ${length} logits are not finite`)
    if (scores[best] === -Infinity) return fail(`all of the decoder's ${length} logits are minus infinity`)
    return best
  }

  /** Fills `ids` and `weights` with the tokens that may come next and gives how many there are. */
  function* choose(logits: Float32Array, seen: ReadonlyArray<number>): Steps<number | BackendFailure> {
    const best = yield* penalize(logits, seen)
    if (best instanceof BackendFailure) return best
    if (temperature === 0) {
      ids[0] = best
      weights[0] = 1
      return 1
    }
    const { length } = scores
    yield* inParts(length, (from, to) => {
      for (let id = from; id < to; id++) {
        // Adding 0 makes one zero of the two.
        scores[id] = scores[id] / temperature + 0
        ids[id] = id
      }
    })
    const bits = new Int32Array(scores.buffer)
    let count = length
    const top = scores[best]
    /** Keeps keys above `key`, and the first `equals` of those equal to it; what stays comes to the front, in order. */
    const keepFrom = function* (key: number, equals: number): Steps<void> {
      let kept = 0
      let left = equals
      yield* inParts(count, (from, to) => {
        for (let at = from; at < to; at++) {
          const own = keyOf(bits[at])
          if (own < key || (own === key && left-- <= 0)) continue
          ids[kept] = ids[at]
          weights[kept] = weights[at]
          scores[kept++] = scores[at]
        }
      })
      count = kept
    }
    if (topK > 0 && topK < length) yield* keepFrom((yield* keyAtWeight(bits, undefined, count, topK)).key, count)
    let total = 0
    yield* inParts(count, (from, to) => {
      for (let at = from; at < to; at++) total += weights[at] = Math.exp(scores[at] - top)
    })
    if (topP < 1) {
      const target = topP * total
      const { above, equals, key, sum: together } = yield* keyAtWeight(bits, weights, count, target)
      // Of equals at the border as many stay as are needed, the lowest ids first (torch's sort leaves that open).
      yield* keepFrom(key, together > 0 ? Math.max(1, Math.ceil((target - above) / (together / equals))) : equals)
    }
    if (minP > 0) {
      let kept = 0
      yield* inParts(count, (from, to) => {
        for (let at = from; at < to; at++) {
          if (weights[at] < minP) continue
          ids[kept] = ids[at]
          weights[kept++] = weights[at]
        }
      })
      count = kept
    }
    return count
  }
  function* sumOf(count: number): Steps<number> {
    let total = 0
    yield* inParts(count, (from, to) => {
      for (let at = from; at < to; at++) total += weights[at]
    })
    return total
  }
  function* draw(logits: Float32Array, seen: ReadonlyArray<number>): Steps<number | BackendFailure> {
    if (temperature === 0) return yield* penalize(logits, seen)
    const count = yield* choose(logits, seen)
    if (count instanceof BackendFailure) return count
    let left = random() * (yield* sumOf(count))
    let last = 0
    yield* inParts(count, (from, to) => {
      for (let at = from; at < to && left >= 0; at++) {
        if (weights[at] === 0) continue
        last = at
        left -= weights[at]
      }
    })
    return ids[last]
  }
  function* describe(logits: Float32Array, seen: ReadonlyArray<number>): Steps<TokenDistribution | BackendFailure> {
    const count = yield* choose(logits, seen)
    if (count instanceof BackendFailure) return count
    const total = yield* sumOf(count)
    return { ids: ids.slice(0, count), probabilities: weights.slice(0, count).map((weight) => weight / total) }
  }
  // In slices: a vocabulary of 150,000 takes several passes, each a fraction of a millisecond.
  const sliced = <A>(steps: () => Steps<A | BackendFailure>): Effect.Effect<A, BackendFailure> =>
    Effect.flatMap(inSlices(steps), (made) => (made instanceof BackendFailure ? Effect.fail(made) : Effect.succeed(made)))
  return {
    next: (logits, seen) => sliced(() => draw(logits, seen)),
    distribution: (logits, seen) => sliced(() => describe(logits, seen))
  }
}
