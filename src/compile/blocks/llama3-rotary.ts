import type { Rotary } from "../../core/rotary.ts"
import { plainRotary, type PlainRotarySpec } from "./plain-rotary.ts"

/** How Llama 3.1 stretches its rotary over more positions than it was first trained with. */
export interface Llama3Scaling {
  /** By how much pairs slow down that turn fewer than `low` times within the original positions. */
  readonly factor: number
  readonly low: number
  /** Pairs that turn more often within the original positions stay as they are; those between slow down by degrees. */
  readonly high: number
  /** Positions of the first training. */
  readonly original: number
}

/** Llama 3.1's rotary as a table (transformers 5.18 `_compute_llama3_parameters`). */
export const llama3Rotary = (spec: PlainRotarySpec, { factor, high, low, original }: Llama3Scaling): Rotary => {
  const plain = plainRotary(spec)
  return {
    ...plain,
    id: `${plain.id} llama3 ${factor} ${low} ${high} ${original}`,
    frequencies: plain.frequencies.map((frequency) => {
      const turns = (original * frequency) / (2 * Math.PI)
      if (turns > high) return frequency
      if (turns < low) return frequency / factor
      const smooth = (turns - low) / (high - low)
      return ((1 - smooth) * frequency) / factor + smooth * frequency
    })
  }
}
