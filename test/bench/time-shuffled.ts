import type { Positions } from "../../src/core/positions.ts"
import { rowTable, type PromptLayout } from "../../src/core/prompt-layout.ts"
import { Family } from "../../src/core/family.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { seededRandom } from "../../src/session/seeded-random.ts"

/** Whose time axis is out of order in a clip with sound. */
export type Shuffled = "picture" | "sound" | "both"

/** Numbers 0 to `count` in a random order that the seed decides. */
const shuffledOrder = (count: number, seed: number): ReadonlyArray<number> => {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, i) => [random(), i] as const)
    .sort(([a], [b]) => a - b)
    .map(([, i]) => i)
}

/** Steps of a clip's picture exchange their times, row for row; rows of its sound exchange their positions. The order of rows in the prompt stays. */
const outOfTime = (positions: Positions, layout: PromptLayout, which: Shuffled, seed: number): Positions => {
  const { media, rows } = rowTable(layout)
  const ids = Int32Array.from(positions.ids)
  const rowsOf = (medium: number) => Array.from(media.keys()).filter((row) => media[row] === medium)
  for (const segment of layout.segments) {
    if (segment._tag !== "Interleaved") continue
    const [video, sound] = segment.tracks
    if (which !== "sound") {
      const own = rowsOf(video.media)
      const times = [...new Set(own.map((row) => positions.ids[row]))]
      const order = shuffledOrder(times.length, seed)
      for (const row of own) ids[row] = times[order[times.indexOf(positions.ids[row])]]
    }
    if (which !== "picture") {
      const own = rowsOf(sound.media)
      const order = shuffledOrder(own.length, seed)
      own.forEach((row, i) => {
        for (let axis = 0; axis < positions.axes; axis++) ids[axis * rows + row] = positions.ids[axis * rows + own[order[i]]]
      })
    }
  }
  return { ...positions, ids }
}

/** The same model, to which a clip with sound comes with its time axis shuffled: what is left of its answers does not need positions. */
export const timeShuffled = (model: LoadedModel, which: Shuffled): LoadedModel => {
  const { axes, assign } = model.family.positions
  let seed = 0
  return {
    ...model,
    family: Family.of({ ...model.family, positions: { axes, assign: (layout, start) => outOfTime(assign(layout, start), layout, which, ++seed) } })
  }
}
