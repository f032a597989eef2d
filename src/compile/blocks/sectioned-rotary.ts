import type { Rotary } from "../../core/rotary.ts"

/** Which axis each pair of a head turns by. */
export interface SectionedRotarySpec {
  readonly headWidth: number
  /** Base of the frequencies. */
  readonly theta: number
  /** Pairs that turn by time, height and width; together half a head. */
  readonly sections: ReadonlyArray<number>
  /** False: one section after another (Qwen2-VL). True: height at pairs 1, 4, 7.., width at 2, 5, 8.., below 3 x its section, time elsewhere (Qwen3-VL). */
  readonly interleaved: boolean
}

/** Axis of each pair, [headWidth / 2]. */
const axesOf = ({ headWidth, interleaved, sections }: SectionedRotarySpec): Uint8Array => {
  const axes = new Uint8Array(headWidth / 2)
  if (interleaved) {
    for (let axis = 1; axis < sections.length; axis++) for (let pair = axis; pair < Math.min(sections[axis] * 3, axes.length); pair += 3) axes[pair] = axis
  } else {
    sections.reduce((from, count, axis) => {
      axes.fill(axis, from, from + count)
      return from + count
    }, 0)
  }
  return axes
}

/** M-RoPE as a table: `mrope_section` of transformers 4.57.6 `Qwen2VLRotaryEmbedding`, and `Qwen3VLTextRotaryEmbedding.apply_interleaved_mrope`. */
export const sectionedRotary = (spec: SectionedRotarySpec): Rotary => ({
  id: `mrope ${spec.interleaved ? "interleaved " : ""}${spec.sections.join(",")}`,
  scale: 1,
  frequencies: Float32Array.from({ length: spec.headWidth / 2 }, (_, i) => 1 / spec.theta ** ((2 * i) / spec.headWidth)),
  axisOf: axesOf(spec)
})
