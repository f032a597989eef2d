import type { MediaSummary, PieceSummary, PlanSummary } from "../session/plan-summary.ts"
import { bytes, count, textTable } from "./text-table.ts"

const grids = (frames: ReadonlyArray<PieceSummary>): string =>
  [...new Set(frames.flatMap(({ grid }) => (grid === undefined ? [] : [`${grid[0]} x ${grid[1]}`])))].join(", ")

const seconds = (frames: ReadonlyArray<PieceSummary>): string => {
  const times = frames.flatMap(({ atSeconds }) => (atSeconds === undefined ? [] : [atSeconds]))
  // One piece is a whole recording: it stands at its start.
  return times.length < 2 ? "" : `${Number(times[0].toFixed(2))} to ${Number(times[times.length - 1].toFixed(2))} s`
}

const settingsOf = (settings: MediaSummary["settings"]): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")

const mediaRows = (media: MediaSummary, depth = 0): ReadonlyArray<ReadonlyArray<string>> => [
  [
    `${"  ".repeat(depth)}${media.source}`,
    media.modality,
    count(media.frames.length),
    grids(media.frames),
    seconds(media.frames),
    count(media.rows),
    settingsOf(media.settings)
  ],
  ...media.tracks.flatMap((track) => mediaRows(track, depth + 1))
]

/** A plan as text: a table of media, then what the whole prompt takes. */
export const planTable = (plan: PlanSummary): string => {
  const { advice, cache, context, fits, maxTokens, media, positions, rows } = plan
  const table =
    media.length === 0 ? [] : [textTable([["media", "modality", "pieces", "grid", "time", "rows", "settings"], ...media.flatMap((one) => mediaRows(one))]), ""]
  const each = Object.entries(rows).filter(([name]) => name !== "total")
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["rows", `${count(rows.total)} (${each.map(([name, value]) => `${name} ${count(value)}`).join(", ")})`],
    [
      "positions",
      `${positions.axes} ${positions.axes === 1 ? "axis" : "axes"}, largest ${count(positions.largest)}, the answer starts at ${count(positions.generateAt)}`
    ],
    ["answer", `up to ${count(maxTokens)} tokens`],
    ["cache", `${count(cache.cells)} cells, ${bytes(cache.bytes)}`],
    ["context", `${count(context)} rows: ${fits ? "fits" : "does not fit"}${advice === undefined ? "" : ` (${advice})`}`]
  ]
  return [...table, ...facts.map(([name, value]) => `${name.padEnd(10)} ${value}`)].join("\n")
}
