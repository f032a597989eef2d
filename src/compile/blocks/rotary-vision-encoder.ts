import { concatenated } from "../../tensor/concatenated.ts"
import { Effect, Stream } from "effect"
import type { Graph, Value } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { PatchGrid } from "../../core/token-grid.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import type { RotaryVisionSpec } from "./rotary-vision.ts"
import { patchCoordinates, planeRotary, positionInputs, windowInputs } from "./rotary-vision-inputs.ts"

/** Patches of a run of the encoder at the most, where one temporal step has fewer: enough to fill the processor, little enough to stop soon. */
const PATCHES_A_RUN = 1024
/** Temporal steps of a run at the most: rows of small frames do not wait for many more. */
const STEPS_A_RUN = 8

/** Embeddings of one run. */
export interface VisionRows {
  /** [rows, width] */
  readonly data: Float32Array
  /** Each [rows, width]. */
  readonly levels: ReadonlyArray<Float32Array>
}

/** The encoder of pictures and frames over its two graphs. */
export interface VisionEncoder {
  /** Patches along a side of a merge block. */
  readonly merge: number
  /** Extra tensors of each row. */
  readonly levels: number
  /** Temporal steps of `grid` ([1, h, w]) that make one run. */
  readonly stepsOfRun: (grid: PatchGrid) => number
  /** `steps` x h x w patches to steps x h x w / merge² rows. */
  readonly run: (grid: PatchGrid, steps: number, patches: Float32Array) => Effect.Effect<VisionRows, BackendFailure>
}

/** Everything that the encoder's graph takes beside patches, for `steps` steps of `grid` ([1, h, w] each). */
const gridInputs = (grid: PatchGrid, steps: number, spec: RotaryVisionSpec): Readonly<Record<string, Value>> => {
  const rows = steps * grid.h * grid.w
  const coordinates = patchCoordinates(grid, spec.merge)
  const { cos, sin } = planeRotary(coordinates, spec.width / spec.heads, steps)
  const inputs: Record<string, Value> = {
    cos: float32([1, rows, cos.length / rows], cos),
    sin: float32([1, rows, sin.length / rows], sin),
    step_shape: int64([3], [steps, rows / steps, spec.width])
  }
  if (spec.windows !== undefined) {
    const { back, bias, count, index } = windowInputs(grid, coordinates, spec.windows.side, steps)
    const size = spec.windows.side ** 2
    inputs.window_index = int64([index.length], index)
    inputs.window_bias = float32([count, 1, size, size], bias)
    inputs.unwindow_index = int64([rows], back)
  }
  if (spec.positionSide !== undefined) {
    const { index, weight } = positionInputs(grid, coordinates, spec.positionSide, steps)
    inputs.position_index = int64([4, rows], index)
    inputs.position_weight = float32([4, rows, 1], weight)
  }
  return inputs
}

/** Over the graphs of `rotary-vision.ts` and its projector: `hidden`, `level.<k>` to `embeddings`, `level_embeddings.<k>`. `outputs`: numbers in an embedding. */
export const visionEncoder = (spec: RotaryVisionSpec, outputs: number, graphs: { readonly encoder: Graph; readonly projector: Graph }): VisionEncoder => ({
  merge: spec.merge,
  levels: spec.levels.length,
  stepsOfRun: ({ h, w }) => Math.min(STEPS_A_RUN, Math.max(1, Math.floor(PATCHES_A_RUN / (h * w)))),
  run: (grid, steps, patches) =>
    Effect.gen(function* () {
      const rows = steps * grid.h * grid.w
      const merged = rows / spec.merge ** 2
      const data = new Float32Array(merged * outputs)
      const levels = spec.levels.map(() => new Float32Array(merged * outputs))
      const hidden: Record<string, Value> = { hidden: float32([rows, spec.width]) }
      levels.forEach((_, level) => {
        hidden[`level.${level}`] = float32([rows, spec.width])
      })
      yield* graphs.encoder.run({ ...gridInputs(grid, steps, spec), patches: float32([rows, patches.length / rows], patches) }, hidden)
      yield* graphs.projector.run(hidden, {
        embeddings: float32([merged, outputs], data),
        ...Object.fromEntries(levels.map((level, i) => [`level_embeddings.${i}`, float32([merged, outputs], level)]))
      })
      return { data, levels }
    })
})

/** The patch grid of one temporal step of a plan. */
export const stepGrid = (plan: MediaPlan, merge: number): PatchGrid => {
  const grid = plan.pieces[0]?.grid
  return PatchGrid({ t: 1, h: (grid?.h ?? 0) * merge, w: (grid?.w ?? 0) * merge })
}

/** Features (patches of whole temporal steps, in any number of blocks) to embedding chunks, one run of the encoder a pull. */
export const encodeVision = (
  encoder: VisionEncoder,
  features: Stream.Stream<FeatureBlock, EncodeError>,
  plan: MediaPlan
): Stream.Stream<EmbeddingChunk, EncodeError> => {
  const grid = stepGrid(plan, encoder.merge)
  const patches = grid.h * grid.w
  return Stream.suspend(() => {
    let from = 0
    return features.pipe(
      Stream.rechunk(1),
      // Blocks of any number of steps: one step each, then as many as make a run.
      Stream.flatMap(({ data, shape: [rows] }) => {
        const size = (data.length / rows) * patches
        return Stream.fromIterable(Array.from({ length: rows / patches }, (_, step) => data.subarray(step * size, (step + 1) * size)))
      }),
      Stream.grouped(encoder.stepsOfRun(grid)),
      Stream.rechunk(1),
      Stream.mapEffect((steps) =>
        Effect.map(encoder.run(grid, steps.length, concatenated(steps)), ({ data, levels }): EmbeddingChunk => {
          const rows = data.length / plan.width
          from += rows
          return { plan, from: from - rows, rows, data, levels }
        })
      )
    )
  })
}
