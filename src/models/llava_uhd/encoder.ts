import { Effect, Stream } from "effect"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import { naturalLog } from "../../../modalities/image/slicing/natural-log.ts"
import type { Graph } from "../../backend/backend.ts"
import { bicubicWeights, windowWeights } from "../../compile/blocks/axis-weights.ts"
import type { ClipConfig } from "../../compile/blocks/clip-vision.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import { QUERIES_ACROSS } from "./graphs.ts"

/** Patches of a run at the most, where one part has fewer. */
const PATCHES_A_RUN = 1024

/** Rows of one part. */
export const PART_ROWS = QUERIES_ACROSS ** 2

/** Bins that a window may be cut into, as width and height. */
const SHAPES: ReadonlyArray<readonly [width: number, height: number]> = [
  [4, 2],
  [3, 2],
  [4, 3],
  [3, 3],
  [2, 4],
  [2, 3],
  [3, 4]
]

/** The shape of bins nearest to that of a part, by the logarithm of the ratio (`cal_best_pooling_size`). */
export const binsOf = ({ height, width }: PixelSize): PixelSize => {
  let best: PixelSize = { width: 3, height: 3 }
  let least = Infinity
  for (const [across, down] of SHAPES) {
    const error = Math.abs(naturalLog(width / height) - naturalLog(across / down))
    if (error < least) {
      best = { width: across, height: down }
      least = error
    }
  }
  return best
}

/** Sides of the windows that the queries look through, in patches (`slice_image_feature_minicpm`). */
export const windowOf = ({ height, width }: PixelSize): PixelSize => {
  const side = Math.sqrt((height * width) / PART_ROWS / (width / height))
  return { width: side * (width / height), height: side }
}

/** The encoder of parts of any size, each for itself. */
export interface PartEncoder {
  /** Pixels along a side of a patch. */
  readonly patch: number
  /** Pixels of `parts` parts of one size, [parts, 3, height, width], to embeddings [parts x rows, width]. `size`: in patches. */
  readonly run: (pixels: Float32Array, parts: number, size: PixelSize) => Effect.Effect<Float32Array, BackendFailure>
}

/** Over the graphs `vision` and `resampler`. `width`: numbers in a row. */
export const partEncoder = (
  { hidden_size, image_size, patch_size: patch }: ClipConfig,
  width: number,
  graphs: { readonly vision: Graph; readonly resampler: Graph }
): PartEncoder => {
  const learned = Math.floor(image_size / patch)
  return {
    patch,
    run: (pixels, parts, size) =>
      Effect.gen(function* () {
        const { height: rows, width: columns } = size
        const hidden = new Float32Array(parts * rows * columns * hidden_size)
        yield* graphs.vision.run(
          {
            pixels: float32([parts, 3, rows * patch, columns * patch], pixels),
            position_rows: float32([rows, learned], bicubicWeights(learned, rows)),
            position_columns: float32([columns, learned], bicubicWeights(learned, columns))
          },
          { hidden: float32([parts, rows * columns, hidden_size], hidden) }
        )
        const embeddings = new Float32Array(parts * PART_ROWS * width)
        const [bins, window] = [binsOf(size), windowOf(size)]
        yield* graphs.resampler.run(
          {
            hidden: float32([parts, rows, columns, hidden_size], hidden),
            position_rows: float32([rows, QUERIES_ACROSS], bicubicWeights(QUERIES_ACROSS, rows)),
            position_columns: float32([columns, QUERIES_ACROSS], bicubicWeights(QUERIES_ACROSS, columns)),
            window_rows: float32([QUERIES_ACROSS * bins.height, rows], windowWeights(rows, QUERIES_ACROSS, window.height, bins.height)),
            window_columns: float32([QUERIES_ACROSS * bins.width, columns], windowWeights(columns, QUERIES_ACROSS, window.width, bins.width)),
            bins_down: int64([1], [bins.height]),
            bins_across: int64([1], [bins.width])
          },
          { embeddings: float32([parts, PART_ROWS, width], embeddings) }
        )
        return embeddings
      })
  }
}

/** Parts that go through the encoder together: of one size, one after another. */
interface Run {
  readonly size: PixelSize
  readonly parts: number
  readonly pixels: Float32Array
}

/** Features (parts one behind the other, flat, in blocks of whole parts) to embedding chunks, one run of the encoder a pull. `sizes`: of all parts, in patches. */
export const encodeParts = (
  encoder: PartEncoder,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan,
  sizes: ReadonlyArray<PixelSize>
): Stream.Stream<EmbeddingChunk, EncodeError> =>
  Stream.suspend(() => {
    let [from, part] = [0, 0]
    const runsOf = ({ data }: FeatureBlock): ReadonlyArray<Run> => {
      const runs: Array<Run> = []
      for (let at = 0; at < data.length && part < sizes.length;) {
        const first = part
        const size = sizes[first]
        const patches = size.width * size.height
        const numbers = 3 * patches * encoder.patch ** 2
        const most = Math.max(1, Math.floor(PATCHES_A_RUN / patches))
        do part++
        while (part - first < most && sizes[part]?.width === size.width && sizes[part]?.height === size.height && at + (part - first) * numbers < data.length)
        const end = at + (part - first) * numbers
        runs.push({ size, parts: part - first, pixels: data.subarray(at, end) })
        at = end
      }
      return runs
    }
    return features.pipe(
      Stream.rechunk(1),
      Stream.flatMap((block) => Stream.fromIterable(runsOf(block)).pipe(Stream.rechunk(1))),
      Stream.rechunk(1),
      Stream.mapEffect(({ parts, pixels, size }) =>
        Effect.map(encoder.run(pixels, parts, size), (data): EmbeddingChunk => {
          const rows = parts * PART_ROWS
          from += rows
          return { plan, from: from - rows, rows, data, levels: [] }
        })
      )
    )
  })
