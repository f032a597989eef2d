import type { Rotary } from "../../core/rotary.ts"

/** Rotary over one axis. */
export interface PlainRotarySpec {
  /** Channels of a head that turn. */
  readonly headWidth: number
  /** Base of the frequencies. */
  readonly theta: number
  /** Positions are divided by it (linear scaling). Default 1. */
  readonly factor?: number
}

/** RoPE as a table: every pair turns by the row's position (transformers `LlamaRotaryEmbedding`, `_compute_linear_scaling_rope_parameters`). */
export const plainRotary = ({ factor = 1, headWidth, theta }: PlainRotarySpec): Rotary => ({
  id: `rope ${theta}${factor === 1 ? "" : ` / ${factor}`}`,
  scale: 1,
  frequencies: Float32Array.from({ length: headWidth / 2 }, (_, i) => Math.fround(1 / theta ** ((2 * i) / headWidth)) / factor),
  axisOf: new Uint8Array(headWidth / 2)
})
