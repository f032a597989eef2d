import { Effect, Stream } from "effect"
import type { PixelBox } from "../../../modalities/image/crop.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import type { Graph } from "../../backend/backend.ts"
import { type AxisWeights, bilinearWeights } from "../../compile/blocks/axis-weights.ts"
import { runsOfTiles, type TileEncoder } from "../../compile/blocks/tile-encoder.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32 } from "../../tensor/tensor.ts"

/** A tile's rows to fewer, and line breaks, over the graph `pack`. */
export interface Packer {
  /** Numbers in a row. */
  readonly width: number
  /** A grid [height, width, numbers] to [rows, columns, numbers]; `breaks` [columns]: 1 where the line break stands. */
  readonly pack: (
    grid: Float32Array,
    size: PixelSize,
    rows: AxisWeights,
    columns: AxisWeights,
    breaks: Float32Array
  ) => Effect.Effect<Float32Array, BackendFailure>
  /** The line break alone. */
  readonly newline: Effect.Effect<Float32Array, BackendFailure>
}

/** Over the graph. */
export const packer = (graph: Graph, width: number): Packer => {
  const pack: Packer["pack"] = (grid, size, rows, columns, breaks) =>
    Effect.suspend(() => {
      const [height, across] = [rows.length / size.height, columns.length / size.width]
      const packed = new Float32Array(height * across * width)
      return Effect.as(
        graph.run(
          {
            grid: float32([1, size.height, size.width, width], grid),
            rows: float32([height, size.height], rows),
            columns: float32([across, size.width], columns),
            breaks: float32([across, 1], breaks)
          },
          { packed: float32([1, height, across, width], packed) }
        ),
        packed
      )
    })
  return {
    width,
    pack,
    newline: Effect.suspend(() => pack(new Float32Array(width), { width: 1, height: 1 }, new Float32Array(1), new Float32Array(1), Float32Array.of(1)))
  }
}

/** A frame's rows made fewer, two along each side to one (`apply_pooling` of transformers' `modeling_llava_onevision`). */
export const pooledEncoder = (encoder: TileEncoder, { pack, width }: Packer, across: number): TileEncoder => {
  const half = Math.ceil(across / 2)
  const weights = bilinearWeights(across, half)
  return {
    ...encoder,
    rows: half ** 2,
    run: (pixels, tiles) =>
      Effect.gen(function* () {
        const rows = yield* encoder.run(pixels, tiles)
        const pooled = new Float32Array(tiles * half ** 2 * width)
        for (let tile = 0; tile < tiles; tile++) {
          const frame = rows.subarray(tile * encoder.rows * width, (tile + 1) * encoder.rows * width)
          pooled.set(yield* pack(frame, { width: across, height: across }, weights, weights, new Float32Array(half)), tile * half ** 2 * width)
        }
        return pooled
      })
  }
}

/** How the rows of a picture's tiles become its own. */
export interface TileGridPlan {
  /** Tiles down and across. */
  readonly rows: number
  readonly columns: number
  /** Of the grid of all tiles' rows, what the picture fills. */
  readonly kept: PixelBox
  /** What that is made to. */
  readonly packed: PixelSize
}

/** Rows of a tiled picture beside those of its overview: each line ends in a break. */
export const packedRows = ({ packed }: TileGridPlan): number => packed.height * (packed.width + 1)

/** Weights of an axis that looks at `length` elements from `from` on, of `all`; then `extra` rows of zeros. */
const placed = (length: number, to: number, from: number, all: number, extra: number): AxisWeights => {
  const own = bilinearWeights(length, to)
  const weights = new Float32Array((to + extra) * all)
  for (let i = 0; i < to; i++) weights.set(own.subarray(i * length, (i + 1) * length), i * all + from)
  return weights
}

/**
 * A picture's tiles to embedding chunks, the overview first and as it is, then the lines of the packed grid, as soon as the tiles that they are made of are there
 * (`pack_image_features`). Two rows of tiles are kept at the most. `grid` undefined: one tile, then a line break.
 */
export const encodePacked = (
  encoder: TileEncoder,
  packer: Packer,
  across: number,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan,
  grid: TileGridPlan | undefined
): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.suspend(() => {
    const { width } = packer
    const [columns, tileRows] = [grid?.columns ?? 0, grid?.rows ?? 0]
    const size = { width: columns * across, height: tileRows * across }
    const line = size.width * width
    // The upper half holds the row of tiles before the one that is being filled.
    const band = new Float32Array(2 * across * line)
    const columnWeights = grid === undefined ? new Float32Array(0) : placed(grid.kept.width, grid.packed.width, grid.kept.left, size.width, 1)
    const rowWeights = grid === undefined ? new Float32Array(0) : placed(grid.kept.height, grid.packed.height, grid.kept.top, size.height, 0)
    const breaks = Float32Array.from({ length: (grid?.packed.width ?? 0) + 1 }, (_, i) => (i === grid?.packed.width ? 1 : 0))
    let [from, tile, done] = [0, 0, 0]

    const chunkOf = (data: Float32Array): EmbeddingChunk => {
      const rows = data.length / width
      from += rows
      return { plan, from: from - rows, rows, data, levels: [] }
    }
    /** Lines of the packed grid that need no row beyond `end`. */
    const linesUpTo = (end: number): number => {
      let line = done
      while (line < (grid?.packed.height ?? 0) && rowWeights.subarray(line * size.height + end, (line + 1) * size.height).every((weight) => weight === 0))
        line++
      return line
    }
    const fill = (rows: Float32Array, column: number) => {
      for (let y = 0; y < across; y++) band.set(rows.subarray(y * across * width, (y + 1) * across * width), (across + y) * line + column * across * width)
    }
    /** What row of tiles number `row` completes. */
    const complete = (row: number) =>
      Effect.gen(function* () {
        const end = (row + 1) * across
        const start = Math.max(0, end - 2 * across)
        const last = linesUpTo(end)
        const weights = new Float32Array((last - done) * (end - start))
        for (let i = done; i < last; i++) weights.set(rowWeights.subarray(i * size.height + start, i * size.height + end), (i - done) * (end - start))
        const lines =
          last === done
            ? undefined
            : yield* packer.pack(band.subarray((2 * across - end + start) * line), { width: size.width, height: end - start }, weights, columnWeights, breaks)
        done = last
        band.copyWithin(0, across * line)
        return lines
      })

    return runsOfTiles(encoder, features).pipe(
      Stream.mapEffect(({ data, shape: [tiles] }) =>
        Effect.gen(function* () {
          const embeddings = yield* encoder.run(data, tiles)
          const chunks: Array<EmbeddingChunk> = []
          for (let i = 0; i < tiles; i++, tile++) {
            const rows = embeddings.subarray(i * across ** 2 * width, (i + 1) * across ** 2 * width)
            if (tile === 0) {
              chunks.push(chunkOf(rows))
              if (grid === undefined) chunks.push(chunkOf(yield* packer.newline))
              continue
            }
            fill(rows, (tile - 1) % columns)
            if (tile % columns !== 0) continue
            const lines = yield* complete(tile / columns - 1)
            if (lines !== undefined) chunks.push(chunkOf(lines))
          }
          return chunks
        })
      ),
      Stream.flatMap((chunks) => Stream.fromIterable(chunks).pipe(Stream.rechunk(1)))
    )
  })
