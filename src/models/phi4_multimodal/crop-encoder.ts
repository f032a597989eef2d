import { Effect, Stream } from "effect"
import type { HdCrops } from "../../../modalities/image/slicing/hd-crops.ts"
import type { Graph } from "../../backend/backend.ts"
import { bucketedPositions, positionsOnGrid, steppedFractions } from "../../compile/blocks/bucketed-positions.ts"
import { runsOfTiles } from "../../compile/blocks/tile-encoder.ts"
import { HIDDEN } from "../../core/attention-inputs.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"

/** `vision` and `separators` of `vision-graphs.ts`. */
export interface CropGraphs {
  readonly vision: Graph
  readonly separators: Graph
}

/** Sizes of crops. */
export interface CropSizes {
  /** Pixels along a side of a crop, and of a patch. */
  readonly side: number
  readonly patch: number
  /** Numbers in an embedding. */
  readonly width: number
}

/** Rows that a picture's parts take. */
export interface CropRows {
  /** Of each row of crops, empty ones left out. */
  readonly bands: ReadonlyArray<number>
  readonly crops: number
  readonly border: number
  readonly overview: number
}

/** Embeddings along a side of a crop. */
const embeddingsAcross = ({ patch, side }: CropSizes): number => side / patch / 2

/** Of `total` along the canvas, those that crop number `index` has. */
const within = (total: number, index: number, each: number): number => Math.max(0, Math.min(each, total - index * each))

/** Rows of a cut picture: what holds some of the picture, an end to each row, a border, the overview with its ends. */
export const cropRows = ({ patchColumns, patchRows, rows }: HdCrops, sizes: CropSizes): CropRows => {
  const across = embeddingsAcross(sizes)
  const [down, right] = [Math.ceil(patchRows / 2), Math.ceil(patchColumns / 2)]
  const bands = Array.from({ length: rows }, (_, row) => within(down, row, across) * (right + 1)).filter((count) => count > 0)
  return { bands, crops: down * (right + 1), border: 1, overview: across * (across + 1) }
}

/** Positions of a crop's patches, and which are hidden, where only `down` x `right` of them hold some of the picture. */
const patchInputs = (across: number, down: number, right: number) => {
  const along = (count: number) => [...bucketedPositions(steppedFractions(count), across), ...Array.from({ length: across - count }, () => 0)]
  const isSeen = (patch: number) => Math.floor(patch / across) < down && patch % across < right
  const positions = positionsOnGrid(along(down), along(right), across).map((position, patch) => (isSeen(patch) ? position : 0))
  return { positions, hidden: positions.map((_, patch) => (isSeen(patch) ? 0 : HIDDEN)) }
}

/** Crops of a run, the first of which is number `from` (0: the overview), to embeddings [crops, rows, width]. */
const encodeRun = (
  { vision }: CropGraphs,
  sizes: CropSizes,
  { columns, patchColumns, patchRows }: HdCrops,
  { data, shape: [crops] }: FeatureBlock,
  from: number
): Effect.Effect<Float32Array, BackendFailure> =>
  Effect.gen(function* () {
    const across = sizes.side / sizes.patch
    const inputs = Array.from({ length: crops }, (_, i) =>
      from + i === 0
        ? patchInputs(across, across, across)
        : patchInputs(across, within(patchRows, Math.floor((from + i - 1) / columns), across), within(patchColumns, (from + i - 1) % columns, across))
    )
    const rows = embeddingsAcross(sizes) ** 2
    const embeddings = new Float32Array(crops * rows * sizes.width)
    yield* vision.run(
      {
        pixels: float32([crops, 3, sizes.side, sizes.side], data),
        positions: int64(
          [crops, across ** 2],
          inputs.flatMap(({ positions }) => positions)
        ),
        hidden: float32([crops, across ** 2], Float32Array.from(inputs.flatMap(({ hidden }) => hidden)))
      },
      { embeddings: float32([crops, rows, sizes.width], embeddings) }
    )
    return embeddings
  })

/** Rows of crops side by side, as far as they hold some of the picture, `end` behind each. */
const joinBand = (crops: ReadonlyArray<Float32Array>, down: number, right: number, end: Float32Array, sizes: CropSizes): Float32Array => {
  const [across, { width }] = [embeddingsAcross(sizes), sizes]
  const data = new Float32Array(down * (right + 1) * width)
  let at = 0
  for (let row = 0; row < down; row++) {
    crops.forEach((crop, index) => {
      const part = crop.subarray(row * across * width, (row * across + within(right, index, across)) * width)
      data.set(part, at)
      at += part.length
    })
    data.set(end, at)
    at += width
  }
  return data
}

/** Features (the overview, then crops row by row) to embedding chunks in the decoder's order: rows of crops, the border, the overview. Holds one row of crops. */
export const encodeCrops = (
  graphs: CropGraphs,
  sizes: CropSizes,
  cut: HdCrops,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan
): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { side, patch, width } = sizes
      const separators = new Float32Array(2 * width)
      yield* graphs.separators.run({}, { embeddings: float32([2, width], separators) })
      const [end, border] = [separators.subarray(0, width), separators.subarray(width)]
      const across = embeddingsAcross(sizes)
      const [down, right] = [Math.ceil(cut.patchRows / 2), Math.ceil(cut.patchColumns / 2)]
      const size = across ** 2 * width
      let [overview, band, seen, from] = [new Float32Array(0), new Array<Float32Array>(), 0, 0]
      const chunk = (data: Float32Array): EmbeddingChunk => {
        from += data.length / width
        return { plan, from: from - data.length / width, rows: data.length / width, data, levels: [] }
      }
      const runs = runsOfTiles({ channels: 3, side, tilesOfRun: Math.max(1, Math.floor(1024 / (side / patch) ** 2)) }, features)
      const bands = runs.pipe(
        Stream.mapEffect((block) =>
          Effect.map(encodeRun(graphs, sizes, cut, block, seen), (embeddings) => {
            const chunks: Array<EmbeddingChunk> = []
            for (let i = 0; i < block.shape[0]; i++, seen++) {
              const one = embeddings.slice(i * size, (i + 1) * size)
              if (seen === 0) overview = one
              else band.push(one)
              if (band.length < cut.columns) continue
              const count = within(down, Math.floor((seen - 1) / cut.columns), across)
              if (count > 0) chunks.push(chunk(joinBand(band, count, right, end, sizes)))
              band = []
            }
            return chunks
          })
        ),
        Stream.flatMap((chunks) => Stream.fromIterable(chunks).pipe(Stream.rechunk(1)))
      )
      return Stream.concat(
        bands,
        Stream.suspend(() => {
          const last = joinBand([overview], across, across, end, sizes)
          const data = new Float32Array(width + last.length)
          data.set(border)
          data.set(last, width)
          return Stream.make(chunk(data))
        })
      )
    })
  )
