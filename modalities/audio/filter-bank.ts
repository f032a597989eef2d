import { Effect, Stream } from "effect"
import type { WorkerFailed } from "../../src/core/errors.ts"
import type { FeatureBlock } from "../../src/core/media-plan.ts"
import { Workers } from "../../src/worker/workers.ts"
import { workerTask } from "../../src/worker/worker-task.ts"
import type { FilterBankSettings } from "./filter-bank.worker.ts"

export type { FilterBankSettings } from "./filter-bank.worker.ts"

const energiesTask = workerTask<typeof import("./filter-bank.worker.ts")>()("./filter-bank.worker.ts", import.meta.url, "filterBankEnergies")

/** Frames of a recording: samples behind the last whole frame are left out. */
export const filterBankFrames = (samples: number, { hop, windowLength }: FilterBankSettings): number =>
  Math.max(0, Math.floor((samples - windowLength) / hop) + 1)

/**
 * Log filter bank energies of a recording (transformers 5.18 `Phi4MultimodalFeatureExtractor`): blocks [frames, bins] of `blockFrames` frames, the last shorter, each
 * as soon as its samples are there. Differs from the reference (torch, partly float32) by some 1e-5.
 */
export const filterBank = <E, R>(
  samples: Stream.Stream<Float32Array, E, R>,
  settings: FilterBankSettings,
  blockFrames: number
): Stream.Stream<FeatureBlock, E | WorkerFailed, R | Workers> =>
  Stream.unwrap(
    Effect.map(Workers, (workers) =>
      Stream.suspend(() => {
        const { bins, hop, windowLength } = settings
        const span = (frames: number) => (frames - 1) * hop + windowLength
        const buffer = new Float32Array(Math.max(span(blockFrames), blockFrames * hop))
        let filled = 0
        const take = (frames: number) => {
          const part = buffer.slice(0, span(frames))
          buffer.copyWithin(0, frames * hop, filled)
          filled = Math.max(0, filled - frames * hop)
          return Effect.map(workers.call(energiesTask, [part, frames, settings], { transfer: [part.buffer] }), (data): FeatureBlock => ({
            shape: [frames, bins],
            data
          }))
        }
        const push = Effect.fnUntraced(function* (chunk: Float32Array) {
          const blocks: Array<FeatureBlock> = []
          for (let at = 0; at < chunk.length;) {
            const part = chunk.subarray(at, at + buffer.length - filled)
            buffer.set(part, filled)
            filled += part.length
            at += part.length
            if (filled === buffer.length) blocks.push(yield* take(blockFrames))
          }
          return blocks
        })
        const rest = Stream.unwrap(
          Effect.suspend(() => {
            const frames = filterBankFrames(filled, settings)
            return frames === 0 ? Effect.succeed(Stream.empty) : Effect.map(take(frames), (block) => Stream.make(block))
          })
        )
        return Stream.concat(
          samples.pipe(
            Stream.rechunk(1),
            Stream.mapEffect(push),
            Stream.flatMap((blocks) => Stream.fromIterable(blocks).pipe(Stream.rechunk(1)))
          ),
          rest
        )
      })
    )
  )
