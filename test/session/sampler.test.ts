import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { makeSampler, type SamplerSettings } from "../../src/session/sampler.ts"
import { seededRandom, splitMix64, xoshiro128StarStar } from "../../src/session/seeded-random.ts"

interface Case {
  readonly settings: SamplerSettings
  readonly logits: ReadonlyArray<number | null>
  readonly seen: ReadonlyArray<number>
  readonly ids: ReadonlyArray<number>
  readonly probabilities: ReadonlyArray<number>
}

// Written by make_sampler_facts.py.
const cases = JSON.parse(readFileSync(new URL("./facts/sampler.json", import.meta.url), "utf8")) as ReadonlyArray<Case>
const neutral: SamplerSettings = { temperature: 1, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, seed: 1 }

const fraction = (parts: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: parts }))
/** Logits in quarters (so that some are equal), settings, what was seen, a seed. */
const drawn = {
  logits: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -60, maximum: 60 }))).check(Schema.isMinLength(1), Schema.isMaxLength(50)),
  seen: Schema.Array(fraction(60)).check(Schema.isMaxLength(20)),
  topK: fraction(60),
  topP: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })),
  minP: fraction(100),
  temperature: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 })),
  repeatPenalty: Schema.Int.check(Schema.isBetween({ minimum: 5, maximum: 20 })),
  seed: Schema.Int
}
type Drawn = { readonly [Key in keyof typeof drawn]: (typeof drawn)[Key]["Type"] }
const fields = Schema.Struct(drawn)

const read = ({ logits, minP, repeatPenalty, seed, temperature, topK, topP }: Drawn) => ({
  logits: Float32Array.from(logits, (value) => value / 4),
  settings: { temperature: temperature / 10, topK, topP: topP / 100, minP: minP / 100, repeatPenalty: repeatPenalty / 10, seed }
})

describe("the sampler", () => {
  it("leaves what transformers' processors leave, with their probabilities", async () => {
    expect(cases.length).toBe(240)
    for (const { ids, logits, probabilities, seen, settings } of cases) {
      const values = Float32Array.from(logits, (value) => value ?? -Infinity)
      const found = await Effect.runPromise(makeSampler({ ...settings, seed: 1 }).distribution(values, seen))
      const weighed = Array.from(found.ids)
        .map((id, at) => [id, found.probabilities[at]] as const)
        .filter(([, probability]) => probability > 0)
      const about = JSON.stringify({ settings, logits, seen })
      // Of equal logits at the border of top-p torch's sort leaves any, ours the lowest ids: what must agree is which logits stay, and how many.
      const penalized = (id: number) =>
        !seen.includes(id) ? values[id] : values[id] < 0 ? values[id] * settings.repeatPenalty : values[id] / settings.repeatPenalty
      const stay = (list: ReadonlyArray<number>) => list.map((id) => Math.fround(penalized(id)) + 0).toSorted((a, b) => a - b)
      expect(stay(weighed.map(([id]) => id)), about).toEqual(stay(ids))
      if (settings.topP === 1 || settings.temperature === 0)
        expect(
          weighed.map(([id]) => id),
          about
        ).toEqual(ids)
      const sorted = weighed.map(([, probability]) => probability).toSorted((a, b) => a - b)
      for (const [at, probability] of probabilities.toSorted((a, b) => a - b).entries()) expect(Math.abs(sorted[at] - probability), about).toBeLessThan(1e-6)
    }
  })

  it.effect.prop(
    "same seed, same tokens; and every token is one that the distribution has",
    [fields],
    ([drawn]) =>
      Effect.gen(function* () {
        const { logits, settings } = read(drawn)
        const one = makeSampler(settings)
        const two = makeSampler(settings)
        const allowed = yield* makeSampler(settings).distribution(logits, drawn.seen)
        expect(allowed.ids.length).toBeGreaterThan(0)
        expect(Math.abs(allowed.probabilities.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-9)
        for (let i = 0; i < 5; i++) {
          const token = yield* one.next(logits, drawn.seen)
          expect(yield* two.next(logits, drawn.seen)).toBe(token)
          expect(allowed.ids).toContain(token)
        }
      }),
    { arbitrary: { runs: 1000 } }
  )

  it.effect.prop(
    "greedy is temperature 0: the largest penalized logit, the lowest id among equals, whatever the rest says",
    [fields],
    ([drawn]) =>
      Effect.gen(function* () {
        const { logits, settings } = read(drawn)
        const penalized = Array.from(logits, (value, id) =>
          Math.fround(!drawn.seen.includes(id) ? value : value < 0 ? value * settings.repeatPenalty : value / settings.repeatPenalty)
        )
        expect(yield* makeSampler({ ...settings, temperature: 0 }).next(logits, drawn.seen)).toBe(penalized.indexOf(Math.max(...penalized)))
        expect(yield* makeSampler({ ...settings, topP: 1e-9 }).next(logits, drawn.seen)).toBe(penalized.indexOf(Math.max(...penalized)))
        // The limit of small temperatures is one of the largest as well.
        const cold = yield* makeSampler({ ...settings, temperature: 1e-6 }).next(logits, drawn.seen)
        expect(penalized[cold]).toBe(Math.max(...penalized))
      }),
    { arbitrary: { runs: 1000 } }
  )

  it.effect("draws each token as often as its probability says", () =>
    Effect.gen(function* () {
      const logits = Float32Array.from([0, 1, 2, -1, 0.5])
      const sampler = makeSampler({ ...neutral, seed: 42 })
      const { probabilities } = yield* sampler.distribution(logits, [])
      const counts = new Float64Array(5)
      for (let i = 0; i < 20_000; i++) counts[yield* sampler.next(logits, [])]++
      for (const [id, probability] of probabilities.entries()) expect(Math.abs(counts[id] / 20_000 - probability)).toBeLessThan(0.015)
    })
  )

  it.effect("leaves the logits as they are, and takes a new length", () =>
    Effect.gen(function* () {
      const sampler = makeSampler({ ...neutral, temperature: 0.5, topK: 2, topP: 0.9, minP: 0.1, repeatPenalty: 2 })
      const logits = Float32Array.from([1, 2, 3])
      yield* sampler.next(logits, [2, 700, -1])
      expect(Array.from(logits)).toEqual([1, 2, 3])
      expect(yield* sampler.next(Float32Array.from([1, 2, 3, 99]), [])).toBe(3)
    })
  )

  it.effect("a whole vocabulary of equals, and one of 151,936 different ones", () =>
    Effect.gen(function* () {
      const size = 151_936
      const flat = new Float32Array(size)
      const half = yield* makeSampler({ ...neutral, topP: 0.5 }).distribution(flat, [])
      expect(half.ids.length).toBe(size / 2)
      expect((yield* makeSampler({ ...neutral, topK: 10 }).distribution(flat, [])).ids.length).toBe(size)
      const steep = Float32Array.from({ length: size }, (_, id) => ((id * 7919) % size) / 1000)
      const top = yield* makeSampler({ ...neutral, topK: 25 }).distribution(steep, [])
      expect(Array.from(top.ids, (id) => steep[id]).toSorted((a, b) => a - b)).toEqual(
        Array.from(steep)
          .toSorted((a, b) => a - b)
          .slice(-25)
      )
    })
  )

  it.effect("logits that are no numbers are a typed error", () =>
    Effect.gen(function* () {
      const bad = [[1, NaN, 2], [NaN], [1, Infinity], [-Infinity, -Infinity], []]
      for (const temperature of [0, 1]) {
        for (const logits of bad) {
          const error = yield* Effect.flip(makeSampler({ ...neutral, temperature }).next(Float32Array.from(logits), []))
          expect(error._tag).toBe("BackendFailure")
          expect(error.stage).toBe("decode")
        }
      }
      expect(yield* makeSampler(neutral).next(Float32Array.from([-Infinity, 0]), [])).toBe(1)
    })
  )
})

describe("the generator", () => {
  it("is xoshiro128** (the vector of the crate rand_xoshiro)", () => {
    const next = xoshiro128StarStar([1, 2, 3, 4])
    expect(Array.from({ length: 10 }, next)).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804])
  })

  it("is seeded by SplitMix64 (Vigna's splitmix64.c from 1234567)", () => {
    const next = splitMix64(1234567n)
    expect(Array.from({ length: 5 }, next)).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n
    ])
  })

  it.prop(
    "gives numbers from 0 up to 1, the same for the same seed, others for another",
    [Schema.Int],
    ([seed]) => {
      const one = seededRandom(seed)
      const two = seededRandom(seed)
      const other = seededRandom(seed < 0 ? seed + 1 : seed - 1)
      const numbers = Array.from({ length: 4 }, one)
      expect(Array.from({ length: 4 }, two)).toEqual(numbers)
      expect(Array.from({ length: 4 }, other)).not.toEqual(numbers)
      for (const number of numbers) expect(number >= 0 && number < 1).toBe(true)
    },
    { arbitrary: { runs: 1000 } }
  )
})
