import { Effect, Stream } from "effect"
import { encodeTiles, type TileEncoder } from "../../src/compile/blocks/tile-encoder.ts"
import type { EmbeddingChunk } from "../../src/core/embedding-chunk.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../src/core/embedding-producer.ts"
import type { BackendFailure } from "../../src/core/errors.ts"
import type { MediaPlan } from "../../src/core/media-plan.ts"
import { Workers } from "../../src/worker/workers.ts"
import { planesBlock } from "../image/fixed-tiles.ts"
import type { PictureRecipe } from "../image/picture-recipe.ts"
import { recipePictures } from "../image/preprocess.ts"
import type { PixelSize } from "../image/rgb-image.ts"
import { pickFrames } from "./pick-frames.ts"
import { VideoMedia } from "./video-media.ts"

/** What the producer of clips whose frames are one tile each is made with. */
export interface FixedFrameParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly workers: Workers["Service"]
  readonly encoder: TileEncoder
  /** Makes the tile of a frame. */
  readonly recipe: (frame: PixelSize) => PictureRecipe
  /** Makes one more row, which stands behind the last frame. */
  readonly lastRow?: Effect.Effect<Float32Array, BackendFailure>
  /** What happens where nobody says otherwise. `maxFrames` holds where no frame rate is asked for. */
  readonly clips: { readonly fps: number; readonly minFrames: number; readonly maxFrames: number }
}

/**
 * A clip's frames, each a tile and a piece of its own that stands at its seconds (frame number / frames a second, as published processors count). Options:
 * `fps`, `maxFrames`.
 */
export const tiledFrames = ({ clips, encoder, id, lastRow, recipe, width, workers }: FixedFrameParts): EmbeddingProducer<NoSettings> => {
  const indices = new WeakMap<MediaPlan, ReadonlyArray<number>>()
  const asked = ({ settings: { fps, maxFrames } }: VideoMedia) => ({
    fps: fps ?? clips.fps,
    maxFrames: maxFrames ?? (fps === undefined ? clips.maxFrames : Number.POSITIVE_INFINITY)
  })
  return make<VideoMedia, NoSettings, MediaPlan>({
    modality: "video",
    id,
    width,
    accepts: VideoMedia.accepts,
    // By the header's own duration, less a tenth: what it says may be a little more than what the file holds.
    atLeast: (media) => {
      const { fps, maxFrames } = asked(media)
      return Math.min(maxFrames, Math.floor(media.durationSeconds * fps * 0.9)) * encoder.rows
    },
    plan: (media, _, common) =>
      Effect.map(media.timeline, ({ frameCount, frameRate }) => {
        const picked = pickFrames({ frameCount, frameRate, minFrames: clips.minFrames, ...asked(media) })
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: picked.indices.length * encoder.rows + (lastRow === undefined ? 0 : 1),
          pieces: [
            ...picked.indices.map((index) => ({ rows: encoder.rows, atSeconds: frameRate > 0 ? index / frameRate : 0 })),
            ...(lastRow === undefined ? [] : [{ rows: 1 }])
          ],
          seconds: frameRate > 0 ? frameCount / frameRate : 0
        }
        indices.set(plan, picked.indices)
        return plan
      }),
    encode: {
      features: (media, plan) =>
        media.frames(indices.get(plan) ?? []).pipe(
          Stream.rechunk(1),
          Stream.mapEffect((frame) => Effect.map(recipePictures(frame, recipe(frame), { consume: true }), planesBlock)),
          Stream.provideService(Workers, workers)
        ),
      fromFeatures: (features, plan) =>
        lastRow === undefined
          ? encodeTiles(encoder, features, plan)
          : Stream.concat(
              encodeTiles(encoder, features, plan),
              Stream.fromEffect(Effect.map(lastRow, (data): EmbeddingChunk => ({ plan, from: plan.rows - 1, rows: 1, data, levels: [] })))
            )
    }
  })
}
