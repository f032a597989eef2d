import type { CrossSpan, CrossView } from "../../core/cross-attention.ts"
import type { MediaPlan } from "../../core/media-plan.ts"
import type { PromptLayout } from "../../core/prompt-layout.ts"
import { rowsOfSegment } from "../../core/segment.ts"

/** Where a picture's token stands, and which of the memory's rows the picture fills. */
interface Placed {
  readonly row: number
  readonly from: number
  readonly to: number
}

/**
 * What each row sees of the pictures (`get_cross_attention_token_mask`, `_prepare_cross_attention_mask` of transformers 5.18): the picture last before it, and those
 * that adjoin it in front, without their empty slots. A row before any picture looks at everything, empty slots too, but its feed-forward is left out. Undefined for no picture.
 */
export const crossView = (layout: PromptLayout, media: ReadonlyArray<MediaPlan>): CrossView | undefined => {
  let memoryRows = 0
  const stretches = media.map(({ form, pieces, rows }) => {
    const from = memoryRows
    if (form === "memory") memoryRows += rows
    return { from, to: from + pieces.reduce((sum, piece) => (piece.empty === true ? sum : sum + piece.rows), 0) }
  })
  const placed: Array<Placed> = []
  let row = 0
  for (const segment of layout.segments) {
    if (segment._tag === "Memory") placed.push({ row, ...stretches[segment.media] })
    row += rowsOfSegment(segment)
  }
  if (memoryRows === 0) return undefined
  const spans: Array<CrossSpan> = [{ from: 0, to: placed[0]?.row ?? Infinity, sees: [[0, memoryRows]], gate: 0 }]
  let adjoining = 0
  placed.forEach((picture, i) => {
    if (i > 0 && placed[i - 1].row !== picture.row - 1) adjoining = i
    spans.push({
      from: picture.row,
      to: placed[i + 1]?.row ?? Infinity,
      gate: 1,
      sees: placed.slice(adjoining, i + 1).map(({ from, to }) => [from, to] as const)
    })
  })
  return { memoryRows, spans }
}
