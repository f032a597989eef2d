import { Effect, Option, Stream } from "effect"
import { encodeVision } from "../../src/compile/blocks/rotary-vision-encoder.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../src/core/embedding-producer.ts"
import type { LimitExceeded, OptionInvalid, PlanError } from "../../src/core/errors.ts"
import type { MediaPlan } from "../../src/core/media-plan.ts"
import { merged, PatchGrid, rowsOf } from "../../src/core/token-grid.ts"
import { Workers } from "../../src/worker/workers.ts"
import { type NativeResolutionParts, patchBlock, plannedSize } from "../image/native-resolution.ts"
import { factorOf, patchSettings, pixelsOption } from "../image/patch-processor.ts"
import { patchFeatures } from "../image/preprocess.ts"
import { smartResize } from "../image/smart-resize.ts"
import { clipResize } from "./clip-resize.ts"
import { pickFrames } from "./pick-frames.ts"
import { VideoMedia, type VideoTimeline } from "./video-media.ts"

/** What a family does with a clip where nobody says otherwise. */
export interface ClipDefaults {
  /** What the bounds are for: width x height of one frame (Qwen2-VL), or frames x width x height of the clip (Qwen3-VL). */
  readonly bounds: "frame" | "clip"
  readonly minPixels: number
  readonly maxPixels: number
  /** For bounds of one frame: pixels of all temporal steps together, which lower the most of each frame of a long clip. */
  readonly totalPixels?: number
  /** Frames a second. */
  readonly fps: number
  readonly minFrames: number
  readonly maxFrames: number
}

/** What the published utilities (qwen-vl-utils and qwen-omni-utils 0.0.8) do with a clip where nobody says otherwise. */
export const utilityClips: ClipDefaults = {
  bounds: "frame",
  minPixels: 128 * 28 * 28,
  maxPixels: 768 * 28 * 28,
  totalPixels: 128_000 * 28 * 28 * 0.9,
  fps: 2,
  minFrames: 4,
  maxFrames: 768
}

/** Most pixels of one frame (or of the clip, where the bounds are for that) of a clip of which `frames` are looked at, where nobody says (`fetch_video` of qwen-vl-utils). */
export const mostPixels = ({ maxPixels, totalPixels }: ClipDefaults, frames: number, minPixels: number, temporalPatchSize: number): number =>
  totalPixels === undefined ? maxPixels : Math.max(Math.min(maxPixels, (totalPixels / frames) * temporalPatchSize), Math.trunc(minPixels * 1.05))

/** What the producer of clips is made with. */
export interface NativeClipParts extends NativeResolutionParts {
  readonly clips: ClipDefaults
  /** Seconds that each temporal step stands for, where the prompt says them; absent: when its first frame is shown. */
  readonly secondsOfSteps?: (indices: ReadonlyArray<number>, timeline: VideoTimeline, steps: number) => ReadonlyArray<number>
}

/**
 * A clip's frames in groups of `temporalPatchSize`, each one temporal step (`Qwen2VLVideoProcessor`, `Qwen3VLVideoProcessor`; frames picked as the published
 * utilities do). Options: `fps`, `maxFrames`, `minPixels`, `maxPixels`.
 */
export const nativeClips = (parts: NativeClipParts): EmbeddingProducer<NoSettings> => {
  const { clips, encoder, id, processor, width, workers } = parts
  const factor = factorOf(processor)
  const { mergeSize, patchSize, temporalPatchSize } = processor
  const indices = new WeakMap<MediaPlan, ReadonlyArray<number>>()
  const asked = ({ settings }: VideoMedia) => ({ fps: settings.fps ?? processor.fps ?? clips.fps, maxFrames: settings.maxFrames ?? clips.maxFrames })
  /** Patches of one step of a clip of which `frames` are looked at. */
  const gridOf = (media: VideoMedia, frames: number): Effect.Effect<PatchGrid, LimitExceeded | OptionInvalid> =>
    Effect.gen(function* () {
      const minPixels = yield* pixelsOption(media.options, "minPixels", processor.minPixels ?? clips.minPixels)
      const maxPixels =
        media.options.maxPixels === undefined
          ? (processor.maxPixels ?? mostPixels(clips, frames, minPixels, temporalPatchSize))
          : yield* pixelsOption(media.options, "maxPixels", clips.maxPixels)
      const size =
        clips.bounds === "frame"
          ? yield* smartResize(media, { factor, minPixels, maxPixels }, media.name)
          : yield* clipResize(media, frames, { factor, temporalFactor: temporalPatchSize, minPixels, maxPixels }, media.name)
      return PatchGrid({ t: 1, h: size.height / patchSize, w: size.width / patchSize })
    })
  return make<VideoMedia, NoSettings, MediaPlan>({
    modality: "video",
    id,
    width,
    accepts: VideoMedia.accepts,
    // By the header's own duration, less a tenth: what it says may be a little more than what the file holds.
    atLeast: (media) => {
      const { fps, maxFrames } = asked(media)
      const steps = Math.floor(Math.min(maxFrames, Math.floor(media.durationSeconds * fps * 0.9)) / temporalPatchSize)
      // Of how many frames there are, a clip's own bounds make less of each.
      if (clips.bounds === "clip") return steps
      return Option.match(Effect.runSync(Effect.option(gridOf(media, maxFrames))), {
        onNone: () => 0,
        onSome: (patches) => steps * rowsOf(merged(patches, mergeSize))
      })
    },
    plan: (media, _, common): Effect.Effect<MediaPlan, PlanError> =>
      Effect.gen(function* () {
        const timeline = yield* media.timeline
        const { frameCount, frameRate } = timeline
        const picked = pickFrames({ frameCount, frameRate, minFrames: clips.minFrames, ...asked(media) })
        const patches = yield* gridOf(media, picked.indices.length)
        const steps = Math.ceil(picked.indices.length / temporalPatchSize)
        const grid = merged(patches, mergeSize)
        const seconds = parts.secondsOfSteps?.(picked.indices, timeline, steps)
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: encoder.levels,
          rows: steps * rowsOf(grid),
          pieces: Array.from({ length: steps }, (_, step) => ({
            rows: rowsOf(grid),
            grid,
            atSeconds: seconds?.[step] ?? timeline.atSeconds(picked.indices[step * temporalPatchSize])
          })),
          // From the rate really sampled, as the reference is told it.
          secondsPerStep: temporalPatchSize / picked.sampledFps,
          geometry: { grid: [steps, patches.h, patches.w] }
        }
        indices.set(plan, picked.indices)
        return plan
      }),
    encode: {
      // One block a temporal step: its frames are cut down to patches before the next ones are taken, so what waits is small, whatever the film's size.
      features: (media, plan) =>
        media.frames(indices.get(plan) ?? []).pipe(
          Stream.rechunk(1),
          Stream.grouped(temporalPatchSize),
          Stream.rechunk(1),
          Stream.mapEffect((frames) =>
            Effect.map(patchFeatures(frames, patchSettings(processor, plannedSize(plan, processor)), { consume: true }), patchBlock)
          ),
          Stream.provideService(Workers, workers)
        ),
      fromFeatures: (features, plan) => encodeVision(encoder, features, plan)
    }
  })
}
