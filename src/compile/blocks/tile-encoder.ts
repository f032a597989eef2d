import { Effect, Stream } from "effect"
import type { Graph } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32 } from "../../tensor/tensor.ts"

/** Patches of a run at the most, where one tile has fewer: enough to fill the processor, little enough to stop soon. */
const PATCHES_A_RUN = 1024

/** An encoder of tiles of one size, each for itself. */
export interface TileEncoder {
  /** Pixels along a side of a tile. */
  readonly side: number
  readonly channels: number
  /** Rows of one tile. */
  readonly rows: number
  /** Tiles of one run at the most. */
  readonly tilesOfRun: number
  /** Pixels [tiles, channels, side, side] to embeddings [tiles x rows, width]. */
  readonly run: (pixels: Float32Array, tiles: number) => Effect.Effect<Float32Array, BackendFailure>
}

/** What a tile encoder is made of. */
export interface TileEncoderSpec {
  readonly side: number
  readonly channels: number
  /** Patches of one tile. */
  readonly patches: number
  readonly rows: number
  /** Numbers in an embedding. */
  readonly width: number
}

/** Over one graph: `pixels` [tiles, channels, side, side] to `embeddings` [tiles, rows, width]. */
export const tileEncoder = ({ channels, patches, rows, side, width }: TileEncoderSpec, graph: Graph): TileEncoder => ({
  side,
  channels,
  rows,
  tilesOfRun: Math.max(1, Math.floor(PATCHES_A_RUN / patches)),
  run: (pixels, tiles) =>
    Effect.gen(function* () {
      const embeddings = new Float32Array(tiles * rows * width)
      yield* graph.run({ pixels: float32([tiles, channels, side, side], pixels) }, { embeddings: float32([tiles, rows, width], embeddings) })
      return embeddings
    })
})

/** Blocks of tiles [tiles, channels, side, side] as blocks of `most` tiles or fewer, one a pull. */
export const runsOfTiles = (
  { channels, side, tilesOfRun }: Pick<TileEncoder, "channels" | "side" | "tilesOfRun">,
  features: Stream.Stream<FeatureBlock, EncodeError>
): Stream.Stream<FeatureBlock, EncodeError> => {
  const size = channels * side ** 2
  return features.pipe(
    Stream.rechunk(1),
    Stream.flatMap(({ data }) => {
      const tiles = data.length / size
      return Stream.fromIterable(
        Array.from({ length: Math.ceil(tiles / tilesOfRun) }, (_, i): FeatureBlock => {
          const part = data.subarray(i * tilesOfRun * size, Math.min(tiles, (i + 1) * tilesOfRun) * size)
          return { shape: [part.length / size, channels, side, side], data: part }
        })
      )
    }),
    Stream.rechunk(1)
  )
}

/** Features (tiles, in any number of blocks) to embedding chunks, one run of the encoder a pull. */
export const encodeTiles = (
  encoder: TileEncoder,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan
): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.suspend(() => {
    let from = 0
    return runsOfTiles(encoder, features).pipe(
      Stream.mapEffect(({ data, shape: [tiles] }) =>
        Effect.map(encoder.run(data, tiles), (embeddings): EmbeddingChunk => {
          const rows = tiles * encoder.rows
          from += rows
          return { plan, from: from - rows, rows, data: embeddings, levels: [] }
        })
      )
    )
  })
