import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { positionAtSeconds } from "../../../src/core/grid-positions.ts"
import type { MediaPlan } from "../../../src/core/media-plan.ts"
import { rowTable } from "../../../src/core/prompt-layout.ts"
import { TokenGrid } from "../../../src/core/token-grid.ts"
import { cutByTime } from "../../../src/models/qwen2_5_omni/interleave.ts"
import { clipWithSound } from "../../../src/models/qwen2_5_omni/layout.ts"
import { tmrope } from "../../../src/models/qwen2_5_omni/positions.ts"
import { pooledRows } from "../../../src/compile/blocks/whisper-rows.ts"
import { LayoutBuilder } from "../../../src/session/layout-builder.ts"
import { mediaSegment } from "../../../src/session/media-segment.ts"

/** Made by transformers 4.57.6; see `test/golden/layouts/qwen2_5_omni.py`. */
interface Table {
  readonly ids: Readonly<Record<string, number>>
  readonly layouts: ReadonlyArray<{
    readonly seed: number
    readonly parts: ReadonlyArray<{
      readonly kind: string
      readonly ids?: ReadonlyArray<number>
      readonly grid?: readonly [number, number, number]
      readonly mel?: number
      readonly secondsPerGrid?: number
    }>
    readonly input_ids: ReadonlyArray<readonly [id: number, count: number]>
    readonly position_ids: ReadonlyArray<ReadonlyArray<readonly [first: number, step: number, count: number]>>
    readonly next: number | null
    readonly generateAt: number
  }>
  readonly windows: ReadonlyArray<{
    readonly steps: number
    readonly plane: number
    readonly secondsPerGrid: number
    readonly layout: ReadonlyArray<number>
    readonly positions?: ReadonlyArray<number>
  }>
}

const table: Table = JSON.parse(readFileSync(new URL("../../golden/layouts/qwen2_5_omni.json", import.meta.url), "utf8"))
const { ids } = table
const scale = { positionsPerSecond: 25, positionsPerWindow: 50 }
const markers = { visionStart: ids.vision_bos, visionEnd: ids.vision_eos, audioStart: ids.audio_bos, audioEnd: ids.audio_eos }

const common = { key: "", producer: "", source: "", part: 0, form: "rows", width: 1, levels: 0, settings: {} } as const
const onGrid = (modality: string, [t, h, w]: readonly [number, number, number], secondsPerStep?: number): MediaPlan => {
  const grid = TokenGrid({ t: 1, h: h / 2, w: w / 2 })
  return {
    ...common,
    modality,
    rows: t * grid.h * grid.w,
    pieces: Array.from({ length: t }, () => ({ rows: grid.h * grid.w, grid })),
    ...(secondsPerStep === undefined ? {} : { secondsPerStep })
  }
}
const sound = (mel: number): MediaPlan => {
  const rows = pooledRows(mel)
  return { ...common, modality: "audio", rows, pieces: [{ rows }] }
}

/** The prompt as our own layout. */
const layoutOf = (parts: Table["layouts"][number]["parts"]) => {
  const layout = new LayoutBuilder()
  const placeholders: Array<number> = []
  const add = (plan: MediaPlan, id: number) => {
    placeholders.push(id)
    return mediaSegment(plan, placeholders.length - 1)
  }
  for (const { grid, ids: tokens, kind, mel, secondsPerGrid } of parts) {
    if (kind === "text") layout.control(...(tokens ?? []))
    else if (kind === "audio")
      layout
        .control(markers.audioStart)
        .segment(add(sound(mel ?? 0), ids.audio))
        .control(markers.audioEnd)
    else if (mel === undefined || kind === "image") {
      const plan = onGrid(kind, grid ?? [0, 0, 0], secondsPerGrid)
      layout.control(markers.visionStart).segment(add(plan, ids[kind])).control(markers.visionEnd)
    } else {
      placeholders.push(ids.video, ids.audio)
      layout.segment(
        clipWithSound(onGrid("video", grid ?? [0, 0, 0], secondsPerGrid), placeholders.length - 2, sound(mel), placeholders.length - 1, markers, scale)
      )
    }
  }
  return { layout: Effect.runSync(layout.build(() => Effect.succeed(new Int32Array()))), placeholders }
}

const expandIds = (runs: ReadonlyArray<readonly [number, number]>) => runs.flatMap(([id, count]) => Array.from({ length: count }, () => id))
const expandPositions = (runs: ReadonlyArray<readonly [number, number, number]>) =>
  runs.flatMap(([first, step, count]) => Array.from({ length: count }, (_, i) => first + i * step))

describe("layouts and TMRoPE positions are the reference's", () => {
  it("has 300 random prompts and windows to compare with", () => {
    expect(table.layouts.length).toBe(300)
    expect(table.windows.length).toBeGreaterThan(0)
  })

  it.each(table.layouts)("prompt $seed", ({ generateAt, input_ids, next, parts, position_ids }) => {
    const { layout, placeholders } = layoutOf(parts)
    const rows = rowTable(layout)
    expect(Array.from(rows.item, (item, row) => (rows.media[row] === -1 ? item : placeholders[rows.media[row]]))).toEqual(expandIds(input_ids))
    const positions = tmrope(scale).assign(layout, 0)
    expect(Array.from(positions.ids)).toEqual(position_ids.flatMap(expandPositions))
    expect(positions.generateAt).toBe(generateAt)
    if (next !== null) expect(positions.next).toBe(next)
  })

  it("cuts clips into windows where the reference does, in the layout and in the positions", () => {
    for (const { layout, plane, positions, secondsPerGrid, steps } of table.windows) {
      const starts = (time: (step: number) => number) =>
        cutByTime(
          Array.from({ length: steps * plane }, (_, row) => time(Math.floor(row / plane))),
          50
        ).map(([from]) => from)
      expect(starts((step) => step * secondsPerGrid * 25)).toEqual(layout)
      expect(starts((step) => positionAtSeconds(step, secondsPerGrid, 25))).toEqual(positions ?? layout)
    }
  })

  it("cuts by untruncated float64 seconds in the layout, by truncated float32 ones in the positions, where the two disagree", () => {
    const [one, ...others] = table.windows.filter(({ positions }) => positions !== undefined)
    expect(others).toEqual([])
    const { layout, plane, positions = [], secondsPerGrid, steps } = one
    expect(positions).not.toEqual(layout)
    const windows = layout.length
    // Sound as long as the clip: 50 rows a window, four mel frames a row.
    const segment = clipWithSound(onGrid("video", [steps, 2, 2 * plane], secondsPerGrid), 0, sound(4 * 50 * windows), 1, markers, scale)
    const runs = segment._tag === "Interleaved" ? segment.runs : []
    expect(runs.flatMap((run) => (run._tag === "Rows" && run.media === 0 ? [run.from] : []))).toEqual(layout)
    // Rows of time: two markers, then the video of each window and its sound, which counts on from 1.
    const time = Array.from(
      tmrope(scale)
        .assign({ segments: [segment] }, 0)
        .ids.subarray(0, 2 + steps * plane + 50 * windows)
    )
    for (let window = 0; window < windows; window++) {
      const at = 2 + (positions[window + 1] ?? steps * plane) + 50 * window
      expect(time.slice(at, at + 50), `sound of window ${window}`).toEqual(Array.from({ length: 50 }, (_, i) => 1 + 50 * window + i))
    }
  })
})
