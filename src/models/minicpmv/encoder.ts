import { Effect, Stream } from "effect"
import { cutStrip } from "../../../modalities/image/patch-strip.ts"
import type { Graph, Value } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import { patchesAcross } from "../../compile/blocks/siglip-vision.ts"
import type { DownsampleMode, MiniCpmConfig } from "./config.ts"
import { blockOrder, halved, type PartSize, partPositions, quotientPositions, steppedPositions, waves } from "./part-inputs.ts"

/** Patches of a run at the most, where one part has fewer. */
const PATCHES_A_RUN = 1024

/** The encoder of parts, each for itself. */
export interface PartEncoder {
  /** Pixels along a side of a patch. */
  readonly patch: number
  /** Both sides of a part are multiples of so many patches. */
  readonly unit: number
  /** Whether a part can be merged as often as it must be. */
  readonly fits: (size: PartSize, mode: DownsampleMode) => boolean
  /** Rows of one part. */
  readonly rows: (size: PartSize, mode: DownsampleMode) => number
  /** Pixels of `parts` parts of one size, [parts, 3, patch, patches x patch], to embeddings [parts x rows, width]. */
  readonly run: (pixels: Float32Array, parts: number, size: PartSize, mode: DownsampleMode) => Effect.Effect<Float32Array, BackendFailure>
}

const indexes = (values: ReadonlyArray<number>): Value => int64([values.length], values)

/** Over the graphs `vision`, and in 4.6 `window_merger` and `vision_rest`. */
export const partEncoder = (config: MiniCpmConfig, graphs: Readonly<Record<string, Graph>>): PartEncoder => {
  const {
    projection,
    text: { width },
    vision
  } = config
  const { hidden_size, patch_size: patch } = vision
  const across = patchesAcross(vision)
  const pixelsOf = (pixels: Float32Array, parts: number, { columns, rows }: PartSize) => float32([parts, 3, patch, rows * columns * patch], pixels)
  if (projection._tag === "Resampler") {
    const { queries } = projection
    return {
      patch,
      unit: 1,
      fits: () => true,
      rows: () => queries,
      run: (pixels, parts, size) =>
        Effect.gen(function* () {
          const { columns, rows } = size
          const embeddings = new Float32Array(parts * queries * width)
          yield* graphs.vision.run(
            {
              pixels: pixelsOf(pixels, parts, size),
              positions: indexes(partPositions(size, across, steppedPositions)),
              column_waves: float32([columns, width / 2], waves(columns, width / 2)),
              row_waves: float32([rows, width / 2], waves(rows, width / 2)),
              column: indexes(Array.from({ length: rows * columns }, (_, i) => i % columns)),
              row: indexes(Array.from({ length: rows * columns }, (_, i) => Math.floor(i / columns)))
            },
            { embeddings: float32([parts, queries, width], embeddings) }
          )
          return embeddings
        })
    }
  }
  const { times } = projection
  const halvings = (mode: DownsampleMode) => times + (mode === "16x" ? 1 : 0)
  const rowsOf = ({ columns, rows }: PartSize, mode: DownsampleMode) => (rows * columns) / 4 ** halvings(mode)
  return {
    patch,
    unit: 4,
    rows: rowsOf,
    fits: ({ columns, rows }, mode) => [rows, columns].every((side) => side % 2 ** halvings(mode) === 0),
    run: (pixels, parts, size, mode) =>
      Effect.gen(function* () {
        const embeddings = new Float32Array(parts * rowsOf(size, mode) * width)
        const hiddenOf = ({ columns, rows }: PartSize) => float32([parts, rows * columns, hidden_size])
        let [hidden, at] = [hiddenOf(size), size]
        yield* graphs.vision.run({ pixels: pixelsOf(pixels, parts, size), positions: indexes(partPositions(size, across, quotientPositions)) }, { hidden })
        if (mode === "16x") {
          const merged = hiddenOf(halved(size))
          yield* graphs.window_merger.run({ hidden, windows: indexes(blockOrder(size)) }, { merged })
          hidden = merged
          at = halved(size)
        }
        const blocks: Record<string, Value> = {}
        for (let i = 0; i < times; i++, at = halved(at)) blocks[`blocks.${i}`] = indexes(blockOrder(at))
        yield* graphs.vision_rest.run({ hidden, ...blocks }, { embeddings: float32([parts, embeddings.length / parts / width, width], embeddings) })
        return embeddings
      })
  }
}

/** Parts one after another that can go through the encoder together: one size, and no more than a run takes. */
const runsOf = (sizes: ReadonlyArray<PartSize>): ReadonlyArray<{ readonly size: PartSize; readonly parts: number }> => {
  const runs: Array<{ size: PartSize; parts: number }> = []
  for (const size of sizes) {
    const last = runs.at(-1)
    const patches = size.rows * size.columns
    if (last !== undefined && last.size.rows === size.rows && last.size.columns === size.columns && (last.parts + 1) * patches <= PATCHES_A_RUN) last.parts++
    else runs.push({ size, parts: 1 })
  }
  return runs
}

/** Strips of patches [3, patch, patches x patch], each of whole parts of `sizes` in order, to embedding chunks, one run of the encoder a pull. */
export const encodeParts = (
  encoder: PartEncoder,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan,
  sizes: ReadonlyArray<PartSize>,
  mode: DownsampleMode
): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.suspend(() => {
    let [from, part] = [0, 0]
    return features.pipe(
      Stream.rechunk(1),
      Stream.flatMap(({ data, shape }) => {
        const patches = shape[2] / encoder.patch
        const inside: Array<PartSize> = []
        for (let left = patches; left > 0 && part < sizes.length; part++) {
          inside.push(sizes[part])
          left -= sizes[part].rows * sizes[part].columns
        }
        let at = 0
        return Stream.fromIterable(
          runsOf(inside).map(({ parts, size }) => {
            const first = at
            at += parts * size.rows * size.columns
            return { data, patches, first, parts, size }
          })
        ).pipe(Stream.rechunk(1))
      }),
      Stream.mapEffect(({ data, first, parts, patches, size }) =>
        Effect.gen(function* () {
          const count = size.rows * size.columns
          const each = 3 * encoder.patch ** 2 * count
          const pixels = new Float32Array(parts * each)
          for (let i = 0; i < parts; i++) pixels.set(cutStrip(data, encoder.patch, patches, first + i * count, count), i * each)
          const embeddings = yield* encoder.run(pixels, parts, size, mode)
          const rows = parts * encoder.rows(size, mode)
          from += rows
          const chunk: EmbeddingChunk = { plan, from: from - rows, rows, data: embeddings, levels: [] }
          return chunk
        })
      )
    )
  })
