import { Effect, Schema } from "effect"
import type { MediaPlan } from "../../src/core/media-plan.ts"
import type { PromptLayout } from "../../src/core/prompt-layout.ts"
import { TokenGrid } from "../../src/core/token-grid.ts"
import { clipWithSound } from "../../src/models/qwen2_5_omni/layout.ts"
import { mediaSegment } from "../../src/session/media-segment.ts"
import { LayoutBuilder } from "../../src/session/layout-builder.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** One piece of a random prompt. */
export const RandomPiece = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("text"), length: int(1, 12), first: int(10, 500) }),
  Schema.Struct({ kind: Schema.Literal("picture"), h: int(1, 5), w: int(1, 5) }),
  Schema.Struct({ kind: Schema.Literal("sound"), rows: int(1, 120) }),
  Schema.Struct({ kind: Schema.Literal("clip"), t: int(1, 5), h: int(1, 3), w: int(1, 12), tenths: int(2, 50), rows: int(0, 130) }),
  Schema.Struct({ kind: Schema.Literal("seen both ways"), rows: int(1, 30) })
])

/** A random prompt: one piece at least. */
export const RandomPrompt = Schema.Array(RandomPiece).check(Schema.isBetweenLength(1, 6))

const scale = { positionsPerSecond: 25, positionsPerWindow: 50 }
const markers = { visionStart: 4, visionEnd: 5, audioStart: 6, audioEnd: 7 }

const planned = (part: number, modality: string, rows: number, pieces: MediaPlan["pieces"], secondsPerStep?: number): MediaPlan => ({
  key: `${modality} ${rows}`,
  producer: modality,
  modality,
  source: modality,
  part,
  form: "rows",
  rows,
  width: 8,
  levels: 0,
  pieces,
  settings: {},
  ...(secondsPerStep === undefined ? {} : { secondsPerStep })
})

/** The prompt as a layout, with the plans of its media. */
export const layoutOf = (pieces: ReadonlyArray<typeof RandomPiece.Type>): { readonly layout: PromptLayout; readonly media: ReadonlyArray<MediaPlan> } => {
  const media: Array<MediaPlan> = []
  const layout = new LayoutBuilder()
  const add = (plan: MediaPlan) => media.push(plan) - 1
  pieces.forEach((piece, part) => {
    if (piece.kind === "text") layout.control(...Array.from({ length: piece.length }, (_, i) => piece.first + i))
    else if (piece.kind === "seen both ways") {
      const index = add(planned(part, "picture", piece.rows, [{ rows: piece.rows }]))
      layout.segment({ _tag: "Media", attention: "bidirectional", rows: { _tag: "Rows", media: index, from: 0, count: piece.rows } })
    } else if (piece.kind === "sound") {
      const index = add(planned(part, "audio", piece.rows, [{ rows: piece.rows }]))
      layout.control(6).segment(mediaSegment(media[index], index)).control(7)
    } else {
      const t = piece.kind === "clip" ? piece.t : 1
      const grid = TokenGrid({ t: 1, h: piece.h, w: piece.w })
      const pieces = Array.from({ length: t }, () => ({ rows: piece.h * piece.w, grid }))
      const index = add(planned(part, piece.kind, t * piece.h * piece.w, pieces, piece.kind === "clip" ? piece.tenths / 10 : undefined))
      if (piece.kind === "clip" && piece.rows > 0) {
        const sound = add(planned(part, "audio", piece.rows, [{ rows: piece.rows }]))
        layout.segment(clipWithSound(media[index], index, media[sound], sound, markers, scale))
      } else layout.control(4).segment(mediaSegment(media[index], index)).control(5)
    }
  })
  return { layout: Effect.runSync(layout.build(() => Effect.succeed(new Int32Array()))), media }
}
