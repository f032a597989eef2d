import { Effect } from "effect"
import { type AttentionInputs, type AttentionKind, biasRows, type KindInputs } from "../core/attention-inputs.ts"
import { crossInputs, type CrossView } from "../core/cross-attention.ts"
import type { Positions } from "../core/positions.ts"
import type { RowTable } from "../core/prompt-layout.ts"
import { turn } from "../core/rotary.ts"

/** Numbers of a mask that are written before the event loop goes on: about a millisecond. */
const SLICE = 1 << 19

/** What the inputs of a prompt's runs are made of. */
export interface PrefillInputsParts {
  readonly kinds: ReadonlyArray<AttentionKind>
  readonly table: RowTable
  readonly positions: Positions
  readonly view: CrossView | undefined
  /** Positions that the prompt and its answer may take. */
  readonly reach: number
}

/** Makes the attention inputs of one run after another, in slices that leave the event loop free. Masks share memory: a run's are overwritten by the next one's. */
export const prefillInputs = ({
  kinds,
  positions,
  reach,
  table,
  view
}: PrefillInputsParts): ((from: number, to: number, cells: number) => Effect.Effect<AttentionInputs>) => {
  const masks = kinds.map(() => new Float32Array(0))
  return Effect.fnUntraced(function* (from, to, cells) {
    const made: Array<KindInputs> = []
    const step = Math.max(1, Math.floor(SLICE / cells))
    for (const [i, { rotary, window }] of kinds.entries()) {
      const turned = turn(rotary(reach), positions, from, to)
      const size = (to - from) * cells
      if (masks[i].length < size) masks[i] = new Float32Array(size)
      const bias = masks[i].subarray(0, size)
      for (let row = from; row < to; row += step) {
        yield* Effect.yieldNow
        const end = Math.min(to, row + step)
        biasRows(table, row, end, cells, window, bias.subarray((row - from) * cells, (end - from) * cells))
      }
      made.push({ ...turned, bias })
    }
    return { writeAt: from, kinds: made, ...(view === undefined ? {} : { cross: crossInputs(view, from, to) }) }
  })
}
