import { Effect, Stream } from "effect"
import type { Graph } from "../../backend/backend.ts"
import type { EmbeddingChunk } from "../../core/embedding-chunk.ts"
import type { BackendFailure, EncodeError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { PatchGrid } from "../../core/token-grid.ts"
import { float32, int64 } from "../../tensor/tensor.ts"
import type { OmniConfig } from "./config.ts"
import { windowSide } from "./vision-graphs.ts"
import { visionInputs } from "./vision-inputs.ts"

/** Patches of a run of the encoder at the most, where one temporal step has fewer: enough to fill the processor, little enough to stop soon. */
const PATCHES_A_RUN = 1024
/** Temporal steps of a run at the most: rows of small frames do not wait for many more. */
const STEPS_A_RUN = 8

/** The encoder of pictures and frames over its two graphs. */
export interface VisionEncoder {
  /** Temporal steps of `grid` ([1, h, w]) that make one run. */
  readonly stepsOfRun: (grid: PatchGrid) => number
  /** `steps` x h x w patches to rows [steps x h x w / merge², width]. */
  readonly run: (grid: PatchGrid, steps: number, patches: Float32Array) => Effect.Effect<Float32Array, BackendFailure>
}

/** Over the graphs `vision` and `vision_projector`. */
export const visionEncoder = (config: OmniConfig["vision_config"], graphs: { readonly encoder: Graph; readonly projector: Graph }): VisionEncoder => {
  const { hidden_size, num_heads, out_hidden_size, spatial_merge_size: merge } = config
  const size = windowSide(config) ** 2
  return {
    stepsOfRun: ({ h, w }) => Math.min(STEPS_A_RUN, Math.max(1, Math.floor(PATCHES_A_RUN / (h * w)))),
    run: (grid, steps, patches) => Effect.gen(function*() {
      const rows = steps * grid.h * grid.w
      const inputs = visionInputs(grid, steps, { headWidth: hidden_size / num_heads, merge, windowSide: windowSide(config) })
      const hidden = new Float32Array(rows * hidden_size)
      yield* graphs.encoder.run({
        patches: float32([rows, patches.length / rows], patches),
        cos: float32([1, rows, inputs.cos.length / rows], inputs.cos),
        sin: float32([1, rows, inputs.sin.length / rows], inputs.sin),
        step_shape: int64([3], [steps, rows / steps, hidden_size]),
        window_index: int64([inputs.windowIndex.length], inputs.windowIndex),
        window_bias: float32([inputs.windows, 1, size, size], inputs.windowBias),
        unwindow_index: int64([rows], inputs.unwindowIndex)
      }, { hidden: float32([rows, hidden_size], hidden) })
      const merged = rows / merge ** 2
      const embeddings = new Float32Array(merged * out_hidden_size)
      yield* graphs.projector.run({ hidden: float32([rows, hidden_size], hidden) }, { embeddings: float32([merged, out_hidden_size], embeddings) })
      return embeddings
    })
  }
}

/** The patch grid of one temporal step of a plan. */
export const stepGrid = (plan: MediaPlan, merge: number): PatchGrid => {
  const grid = plan.pieces[0]?.grid
  return PatchGrid({ t: 1, h: (grid?.h ?? 0) * merge, w: (grid?.w ?? 0) * merge })
}

/** Features (patches of whole temporal steps, in any number of blocks) to embedding chunks, one run of the encoder a pull. */
export const encodeVision = (
  encoder: VisionEncoder, merge: number, features: Stream.Stream<FeatureBlock, EncodeError>, plan: MediaPlan
): Stream.Stream<EmbeddingChunk, EncodeError> => {
  const grid = stepGrid(plan, merge)
  const patches = grid.h * grid.w
  return Stream.suspend(() => {
    let from = 0
    return features.pipe(
      Stream.rechunk(1),
      // Blocks of any number of steps: one step each, then as many as make a run.
      Stream.flatMap(({ data, shape: [rows] }) => {
        const size = data.length / rows * patches
        return Stream.fromIterable(Array.from({ length: rows / patches }, (_, step) => data.subarray(step * size, (step + 1) * size)))
      }),
      Stream.grouped(encoder.stepsOfRun(grid)),
      Stream.rechunk(1),
      Stream.mapEffect((steps) => Effect.map(encoder.run(grid, steps.length, concatenated(steps)), (data): EmbeddingChunk => {
        const rows = data.length / plan.width
        from += rows
        return { plan, from: from - rows, rows, data, levels: [] }
      }))
    )
  })
}

const concatenated = (parts: ReadonlyArray<Float32Array>): Float32Array => {
  if (parts.length === 1) return parts[0]
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  parts.reduce((at, part) => {
    all.set(part, at)
    return at + part.length
  }, 0)
  return all
}
