import { concatenated } from "../tensor/concatenated.ts"
import { Effect, Schema, Stream } from "effect"
import { openSafetensors } from "../checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../checkpoint/write-safetensors.ts"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import { type CacheUnwritable, SourceUnreadable } from "../core/errors.ts"
import type { MediaPlan, PlannedMedia } from "../core/media-plan.ts"
import { TokenGrid } from "../core/token-grid.ts"
import { keptValue } from "../session/kept-rows.ts"
import type { MediaValue } from "../session/open-prompt.ts"
import { float32, type Tensor } from "../tensor/tensor.ts"

const Scalar = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])

/** A plan as it is kept in a file: everything that the decoder needs beside the rows. */
const KeptPlan = Schema.Struct({
  key: Schema.String,
  producer: Schema.String,
  modality: Schema.String,
  source: Schema.String,
  part: Schema.Int,
  form: Schema.Literals(["rows", "memory"]),
  rows: Schema.Int,
  width: Schema.Int,
  levels: Schema.Int,
  pieces: Schema.Array(
    Schema.Struct({
      rows: Schema.Int,
      grid: Schema.optionalKey(Schema.Struct({ t: Schema.Int, h: Schema.Int, w: Schema.Int })),
      atSeconds: Schema.optionalKey(Schema.Finite),
      tile: Schema.optionalKey(Schema.Tuple([Schema.Int, Schema.Int]))
    })
  ),
  secondsPerStep: Schema.optionalKey(Schema.Finite),
  geometry: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.Finite))),
  settings: Schema.Record(Schema.String, Scalar)
})

const KeptPlans = Schema.fromJsonString(Schema.Array(KeptPlan))

const planOf = (kept: typeof KeptPlan.Type): MediaPlan => ({
  ...kept,
  pieces: kept.pieces.map(({ grid, ...piece }) => ({ ...piece, ...(grid === undefined ? {} : { grid: TokenGrid(grid) }) }))
})

/** Keeps rows from `encode` in a safetensors file, with the encoder's fingerprint and all that the decoder needs beside them. */
export const saveRows = (path: string, kept: ReadonlyArray<EmbeddingChunk>): Effect.Effect<void, CacheUnwritable> => {
  const media = [...Map.groupBy(kept, ({ plan }) => `${plan.part} ${plan.key}`).values()]
  const tensors: Array<readonly [string, Tensor]> = media.flatMap((chunks, i) => {
    const [{ plan }] = chunks
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0)
    const one = (name: string, of: (chunk: EmbeddingChunk) => Float32Array) => [name, float32([rows, plan.width], concatenated(chunks.map(of)))] as const
    return [
      one(`media.${i}.rows`, ({ data }) => data),
      ...Array.from({ length: plan.levels }, (_, level) => one(`media.${i}.level.${level}`, ({ levels }) => levels[level]))
    ]
  })
  return writeSafetensors(path, Object.fromEntries(tensors), { sensorium: "rows", plans: JSON.stringify(media.map(([{ plan }]) => plan)) })
}

const wrong = (path: string, why: string) => new SourceUnreadable({ stage: "open", source: path, message: `${path}: ${why}` })

/** The media of a file that `saveRows` wrote, by part. Fails with `SourceUnreadable` for any other file. */
const readRows = (path: string): Effect.Effect<ReadonlyArray<ReadonlyArray<PlannedMedia>>, SourceUnreadable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* openSafetensors(path).pipe(Effect.mapError((error) => wrong(path, error.message)))
      if (file.metadata.sensorium !== "rows" || file.metadata.plans === undefined) return yield* wrong(path, "holds no kept rows")
      const plans = yield* Schema.decodeUnknownEffect(KeptPlans)(file.metadata.plans).pipe(Effect.mapError((error) => wrong(path, error.message)))
      const media = yield* Effect.forEach(plans, (kept, i) =>
        Effect.gen(function* () {
          const plan = planOf(kept)
          const read = (name: string) =>
            file.floats(name).pipe(
              Effect.mapError((error) => wrong(path, error.message)),
              Effect.filterOrFail(
                (data) => data.length === plan.rows * plan.width,
                (data) => wrong(path, `${name} has ${data.length} numbers, its plan ${plan.rows} rows of ${plan.width}`)
              )
            )
          const data = yield* read(`media.${i}.rows`)
          const levels = yield* Effect.forEach(
            Array.from({ length: plan.levels }, (_, level) => level),
            (level) => read(`media.${i}.level.${level}`)
          )
          const one: PlannedMedia = { plan, encode: Stream.make<[EmbeddingChunk]>({ plan, from: 0, rows: plan.rows, data, levels }) }
          return one
        })
      )
      return [...Map.groupBy(media, ({ plan }) => plan.part).values()]
    })
  )

/** Rows that were kept, as a media value that stands where the media stood: from memory, or from a file that `saveRows` wrote. */
export const embeddings = (kept: ReadonlyArray<EmbeddingChunk> | string): MediaValue =>
  typeof kept === "string" ? { _tag: "Rows", kept: true, parts: readRows(kept) } : keptValue(kept)
