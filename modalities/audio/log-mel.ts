import { Effect, Stream } from "effect"
import type { WorkerFailed } from "../../src/core/errors.ts"
import type { FeatureBlock } from "../../src/core/media-plan.ts"
import { Workers } from "../../src/worker/workers.ts"
import { workerTask } from "../../src/worker/worker-task.ts"
import type { MelSettings, RawMel } from "./log-mel.worker.ts"
import { type FrameJob, MelWindow } from "./mel-window.ts"

/** Settings of Whisper's feature extractor. */
export interface LogMelSettings extends MelSettings {
  /** Seconds of the extractor's window (`chunk_length`); a longer recording is taken window by window. */
  readonly windowSeconds: number
  /** Frames behind each window's last sample that the encoder reads as well, as far as the window goes: a block of their own, marked `beyond`. Default 0. */
  readonly beyond?: number
}

const rawMelTask = workerTask<typeof import("./log-mel.worker.ts")>()("./log-mel.worker.ts", import.meta.url, "rawMel")

/** Samples of the extractor's window. */
export const windowSamples = ({ sampleRateHz, windowSeconds }: LogMelSettings): number => Math.floor(windowSeconds * sampleRateHz)

/** Mel frames of a recording of so many samples: of each window, the frames centred on one of its samples (the processor's `feature_attention_mask`). */
export const melFrames = (samples: number, settings: LogMelSettings): number => {
  const window = windowSamples(settings)
  const most = Math.floor(window / settings.hop)
  const whole = Math.floor(samples / window)
  return whole * most + Math.min(most, Math.ceil((samples - whole * window) / settings.hop))
}

/** Columns `from` to `to` of a stretch, clamped to the loudest of the whole window less 8, on the extractor's scale. */
const finish = ({ data }: RawMel, bins: number, frames: number, keep: number, loudest: number): FeatureBlock => {
  const least = Math.fround(loudest - 8)
  const out = new Float32Array(bins * keep)
  for (let bin = 0; bin < bins; bin++) {
    for (let frame = 0; frame < keep; frame++) out[bin * keep + frame] = Math.fround(Math.max(data[bin * frames + frame], least) + 4) / 4
  }
  return { shape: [bins, keep], data: out }
}

/** Frames `from` to `to`, wherever they lie in the stretches; what no stretch has is silence. */
const beyondBlock = (
  parts: ReadonlyArray<{ readonly mel: RawMel; readonly frames: number }>,
  from: number,
  to: number,
  bins: number,
  loudest: number
): FeatureBlock => {
  const data = new Float32Array(bins * (to - from)).fill(-10)
  let start = 0
  for (const { frames, mel } of parts) {
    for (let frame = Math.max(from, start); frame < Math.min(to, start + frames); frame++) {
      for (let bin = 0; bin < bins; bin++) data[bin * (to - from) + frame - from] = mel.data[bin * frames + frame - start]
    }
    start += frames
  }
  return { ...finish({ data, loudest }, bins, to - from, to - from, loudest), beyond: true }
}

/**
 * Whisper's log-mel of a recording, as WhisperFeatureExtractor computes it when it pads to its window: blocks [bins, frames] of at most `blockFrames` frames, in
 * order, the last of a window shorter. No block comes before its window's last sample: all are clamped to the loudest number of the window less 8. What is
 * held meanwhile is the window's log-mel (bins x 100 numbers a second, at most `windowSeconds` of them). A recording longer than the window is taken window by
 * window, each as a recording of its own. Differs from the reference (torch, float32) by some 1e-6.
 */
export const logMel = <E, R>(
  samples: Stream.Stream<Float32Array, E, R>,
  settings: LogMelSettings,
  blockFrames: number
): Stream.Stream<FeatureBlock, E | WorkerFailed, R | Workers> =>
  Stream.unwrap(
    Effect.map(Workers, (workers) =>
      Stream.suspend(() => {
        const newWindow = () => new MelWindow(settings, windowSamples(settings), blockFrames)
        let window = newWindow()
        let raw: Array<{ readonly mel: RawMel; readonly frames: number }> = []

        const run = (jobs: ReadonlyArray<FrameJob>) =>
          Effect.forEach(
            jobs,
            (job) =>
              Effect.map(workers.call(rawMelTask, [job.samples, job.frames, settings], { transfer: [job.samples.buffer] }), (mel) => {
                raw.push({ mel, frames: job.frames })
              }),
            { discard: true }
          )

        /** Ends the window and gives its blocks, each made when it is taken. */
        const close = Effect.gen(function* () {
          yield* run(window.end())
          const loudest = raw.reduce((most, { mel }) => Math.max(most, mel.loudest), -10)
          const total = window.frames
          const parts = raw
          const end = Math.min(total + (settings.beyond ?? 0), Math.floor(windowSamples(settings) / settings.hop))
          window = newWindow()
          raw = []
          let from = 0
          const kept = parts.flatMap(({ frames, mel }) => {
            const keep = Math.min(frames, total - from)
            from += frames
            return keep > 0 ? [{ mel, frames, keep }] : []
          })
          const blocks = Stream.fromIterable(kept).pipe(
            Stream.rechunk(1),
            Stream.map(({ frames, keep, mel }) => finish(mel, settings.bins, frames, keep, loudest))
          )
          return settings.beyond === undefined
            ? blocks
            : Stream.concat(
                blocks,
                Stream.sync(() => beyondBlock(parts, total, end, settings.bins, loudest))
              )
        })

        const push = Effect.fnUntraced(function* (chunk: Float32Array) {
          const closed: Array<Stream.Stream<FeatureBlock>> = []
          for (let at = 0; at < chunk.length;) {
            const part = chunk.subarray(at, at + window.room)
            at += part.length
            yield* run(window.push(part))
            if (window.room === 0) closed.push(yield* close)
          }
          return closed
        })

        return Stream.concat(
          samples.pipe(
            Stream.rechunk(1),
            Stream.mapEffect(push),
            Stream.flatMap((closed) => Stream.fromIterable(closed).pipe(Stream.flatMap((one) => one)))
          ),
          Stream.unwrap(Effect.suspend(() => (window.count > 0 ? close : Effect.succeed(Stream.empty))))
        )
      })
    )
  )
