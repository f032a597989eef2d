import type { MediaPlan } from "../core/media-plan.ts"
import type { Positions } from "../core/positions.ts"
import { rowTable } from "../core/prompt-layout.ts"
import type { PromptPlan } from "../core/prompt-plan.ts"
import { bytesOfCross } from "./decoder.ts"
import { bytesPerCell, CELL_STEP } from "./kv-cache.ts"
import type { LoadedModel } from "./model.ts"

/** One piece of a medium: a frame pair, tile or window. */
export interface PieceSummary {
  readonly rows: number
  /** Seconds from the start of the medium. */
  readonly atSeconds?: number
  /** Rows and columns of embeddings, where they stand on a grid. */
  readonly grid?: readonly [height: number, width: number]
}

/** What one media value of the prompt becomes. */
export interface MediaSummary {
  readonly modality: string
  readonly source: string
  /** Rows among the text, or rows of cross-attention memory. */
  readonly form: "rows" | "memory"
  readonly rows: number
  readonly frames: ReadonlyArray<PieceSummary>
  readonly secondsPerStep?: number
  /** What the whole prompt made of it. */
  readonly settings: MediaPlan["settings"]
  /** A clip's sound, and whatever else was opened with it. */
  readonly tracks: ReadonlyArray<MediaSummary>
}

/** What a prompt will cost, before a frame is decoded or a weight runs. */
export interface PlanSummary {
  /** Embeddings in all, those of text tokens, and those of each modality. */
  readonly rows: Readonly<Record<string, number>> & { readonly total: number; readonly text: number }
  /** Rotary positions: axes, the largest id, and where the answer's first token stands. */
  readonly positions: { readonly axes: number; readonly largest: number; readonly generateAt: number }
  /** Key-value cells for the prompt and its answer, and their bytes; those of a cross-attention memory's keys and values count too. */
  readonly cache: { readonly cells: number; readonly bytes: number }
  /** Rows that the model's context holds, the answer included. */
  readonly context: number
  /** Tokens that the answer may take. */
  readonly maxTokens: number
  readonly fits: boolean
  /** What to change where it does not fit. */
  readonly advice?: string
  readonly media: ReadonlyArray<MediaSummary>
}

const summarize = (plan: MediaPlan, tracks: ReadonlyArray<MediaPlan>): MediaSummary => ({
  modality: plan.modality,
  source: plan.source,
  form: plan.form,
  rows: plan.rows,
  frames: plan.pieces.map(({ atSeconds, grid, rows }) => ({
    rows,
    ...(atSeconds === undefined ? {} : { atSeconds }),
    ...(grid === undefined ? {} : { grid: [grid.h, grid.w] as const })
  })),
  ...(plan.secondsPerStep === undefined ? {} : { secondsPerStep: plan.secondsPerStep }),
  settings: plan.settings,
  tracks: tracks.map((track) => summarize(track, []))
})

/** Sums up a plan for people and programs. */
export const planSummary = (model: LoadedModel, plan: PromptPlan, positions: Positions, maxTokens: number): PlanSummary => {
  const table = rowTable(plan.layout)
  const rows: Record<string, number> = {}
  for (const {
    plan: { form, modality, rows: count }
  } of plan.media)
    if (form === "rows") rows[modality] = (rows[modality] ?? 0) + count
  const media = Object.values(rows).reduce((sum, count) => sum + count, 0)
  const parts = Map.groupBy(plan.media, ({ plan: { part } }) => part)
  const cells = Math.ceil((table.rows + maxTokens) / CELL_STEP) * CELL_STEP
  let largest = -1
  for (const id of positions.ids) if (id > largest) largest = id
  return {
    rows: { ...rows, total: table.rows, text: table.rows - media },
    positions: { axes: positions.axes, largest, generateAt: positions.generateAt },
    cache: { cells, bytes: cells * bytesPerCell(model.decoder.shape) + bytesOfCross(model.decoder.shape, plan.cross?.memoryRows ?? 0) },
    context: model.contextRows,
    maxTokens,
    fits: table.rows + maxTokens <= model.contextRows,
    media: [...parts.values()].map(([first, ...tracks]) =>
      summarize(
        first.plan,
        tracks.map(({ plan }) => plan)
      )
    )
  }
}
