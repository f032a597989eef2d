import { readFileSync } from "node:fs"
import type { Positions } from "../../../src/core/positions.ts"

/** Made by transformers 4.57.6; see `test/golden/layouts/qwen_vl.py`. */
export interface QwenVlTable {
  readonly positions: ReadonlyArray<{
    readonly model: "qwen2_vl" | "qwen2_5_vl" | "qwen3_vl"
    readonly parts: ReadonlyArray<
      { readonly kind: "text"; readonly count: number } |
      { readonly kind: "image" | "video"; readonly grid: readonly [number, number, number]; readonly secondsPerGrid?: number }
    >
    readonly position_ids: ReadonlyArray<ReadonlyArray<readonly [first: number, step: number, count: number]>>
    readonly next: number
    readonly generateAt: number
  }>
  readonly timestamps: ReadonlyArray<{ readonly indices: ReadonlyArray<number>; readonly fps: number; readonly merge: number; readonly text: ReadonlyArray<string> }>
  readonly clips: ReadonlyArray<{
    readonly frames: number; readonly width: number; readonly height: number; readonly factor: number; readonly least: number; readonly most: number
    readonly size: readonly [width: number, height: number] | null
  }>
  readonly interleaved: ReadonlyArray<{ readonly pairs: number; readonly section: ReadonlyArray<number>; readonly axes: ReadonlyArray<number> }>
  readonly windows: ReadonlyArray<{ readonly grid: readonly [number, number, number]; readonly side: number; readonly order: ReadonlyArray<number>; readonly lengths: ReadonlyArray<number> }>
  readonly learned: ReadonlyArray<{ readonly grid: readonly [number, number, number]; readonly side: number; readonly weight: ReadonlyArray<ReadonlyArray<readonly [place: number, weight: number]>> }>
}

/** The table, read. */
export const qwenVlTable: QwenVlTable = JSON.parse(readFileSync(new URL("qwen_vl.json", import.meta.url), "utf8"))

/** The table's runs as one list of ids an axis. */
export const expandRuns = (axes: QwenVlTable["positions"][number]["position_ids"]): ReadonlyArray<ReadonlyArray<number>> =>
  axes.map((runs) => runs.flatMap(([first, step, count]) => Array.from({ length: count }, (_, i) => first + step * i)))

/** Positions as one list of ids an axis. */
export const axesOf = ({ axes, ids }: Positions): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: axes }, (_, axis) => Array.from(ids.subarray(axis * ids.length / axes, (axis + 1) * ids.length / axes)))
