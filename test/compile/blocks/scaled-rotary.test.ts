import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { llama3Rotary } from "../../../src/compile/blocks/llama3-rotary.ts"
import { longRotary } from "../../../src/compile/blocks/long-rotary.ts"

const Spec = Schema.Struct({ headWidth: Schema.Int, theta: Schema.Finite })
const Fact = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("llama3"),
    spec: Spec,
    scaling: Schema.Struct({ factor: Schema.Finite, low: Schema.Finite, high: Schema.Finite, original: Schema.Int }),
    frequencies: Schema.Array(Schema.Finite),
    scale: Schema.Finite
  }),
  Schema.Struct({
    kind: Schema.Literals(["longrope", "longrope beyond"]),
    spec: Spec,
    scaling: Schema.Struct({ short: Schema.Array(Schema.Finite), long: Schema.Array(Schema.Finite), original: Schema.Int, factor: Schema.Finite }),
    frequencies: Schema.Array(Schema.Finite),
    scale: Schema.Finite
  })
])
const facts = Schema.decodeUnknownSync(Schema.Array(Fact))(JSON.parse(readFileSync(new URL("./scaled-rotary.json", import.meta.url), "utf8")))

describe("scaled rotaries", () => {
  it("have the published frequencies and scale", () => {
    expect(facts.length).toBe(9)
    for (const fact of facts) {
      const { original } = fact.scaling
      const rotary =
        fact.kind === "llama3" ? llama3Rotary(fact.spec, fact.scaling) : longRotary(fact.spec, fact.scaling)(fact.kind === "longrope" ? original : original + 1)
      expect(rotary.scale, fact.kind).toBeCloseTo(fact.scale, 6)
      expect(rotary.frequencies.length).toBe(fact.frequencies.length)
      rotary.frequencies.forEach((frequency, i) => expect(Math.abs(frequency / fact.frequencies[i] - 1), `${fact.kind} ${i}`).toBeLessThan(1e-6))
    }
  })

  it("LongRoPE's two tables have two names, so that cells written under one are never read under the other", () => {
    const rotary = longRotary({ headWidth: 4, theta: 100 }, { short: [1, 1.1], long: [2, 3], original: 64, factor: 8 })
    expect(rotary(64)).toBe(rotary(1))
    expect(rotary(65)).toBe(rotary(1000))
    expect(rotary(64).id).not.toBe(rotary(65).id)
  })
})
