import type { AttentionKind } from "../../core/attention-inputs.ts"
import type { Rotary } from "../../core/rotary.ts"
import { plainRotary, type PlainRotarySpec } from "./plain-rotary.ts"

/** How LongRoPE stretches a rotary: a factor a pair, of two sets. */
export interface LongScaling {
  /** Of prompts that stay within `original` positions, [headWidth / 2]. */
  readonly short: ReadonlyArray<number>
  /** Of longer ones. */
  readonly long: ReadonlyArray<number>
  /** Positions of the first training. */
  readonly original: number
  /** How many times as many positions there are now. */
  readonly factor: number
  /** What cos and sin are multiplied by, where the configuration says it. */
  readonly attentionFactor?: number
}

/**
 * LongRoPE's two tables, chosen by how many positions a prompt and its answer may take (transformers 5.18 `_compute_longrope_parameters`; the reference switches on its
 * way and loses its cache there, here one prompt has one table).
 */
export const longRotary = (spec: PlainRotarySpec, { attentionFactor, factor, long, original, short }: LongScaling): AttentionKind["rotary"] => {
  const plain = plainRotary(spec)
  const scale = attentionFactor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)))
  const { headWidth, theta } = spec
  const stretched = (name: string, factors: ReadonlyArray<number>): Rotary => ({
    ...plain,
    scale,
    id: `${plain.id} ${name} ${factors.join(",")}`,
    frequencies: Float32Array.from(factors, (by, i) => 1 / Math.fround(Math.fround(by) * Math.fround(theta ** ((2 * i) / headWidth))))
  })
  const [within, beyond] = [stretched("short", short), stretched("long", long)]
  return (positions) => (positions > original ? beyond : within)
}
