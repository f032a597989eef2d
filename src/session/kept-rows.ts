import { Effect, Stream } from "effect"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import type { MediaPlan, PlannedMedia } from "../core/media-plan.ts"
import type { MediaValue } from "./open-prompt.ts"

/** Rows kept from `encode`, as a media value: it holds a part for each part of the prompt that made them. */
export const keptValue = (kept: ReadonlyArray<EmbeddingChunk>): MediaValue => {
  const parts = Map.groupBy(kept, ({ plan }) => plan.part)
  const planned = [...parts.values()].map((chunks) =>
    [...Map.groupBy(chunks, ({ plan }) => plan.key).values()].map((own): PlannedMedia => ({
      plan: own[0].plan,
      encode: Stream.fromIterable(own).pipe(Stream.rechunk(1))
    }))
  )
  return { _tag: "Rows", kept: true, parts: Effect.succeed(planned) }
}

/** The plan that a kept chunk belongs to, and what a person wants to know of the chunk. */
export interface KeptRows extends EmbeddingChunk {
  readonly modality: string
  readonly width: number
  /** Seconds from the start of the medium, of the chunk's first row, where it has a time. */
  readonly atSeconds?: number
  /** Steps, rows and columns of the chunk's embeddings, where they stand on a grid. */
  readonly grid?: readonly [steps: number, height: number, width: number]
}

/** Adds to a chunk what its plan says of its rows. */
export const describeChunk = (chunk: EmbeddingChunk, plan: MediaPlan = chunk.plan): KeptRows => {
  let row = 0
  const covered = plan.pieces.filter(({ rows }) => {
    const inside = row + rows > chunk.from && row < chunk.from + chunk.rows
    row += rows
    return inside
  })
  const [first] = covered
  return {
    ...chunk,
    modality: plan.modality,
    width: plan.width,
    ...(first?.atSeconds === undefined ? {} : { atSeconds: first.atSeconds }),
    ...(first?.grid === undefined ? {} : { grid: [covered.length * first.grid.t, first.grid.h, first.grid.w] as const })
  }
}
