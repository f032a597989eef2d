import { Deferred, Effect, Layer, Stream } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import type { VideoMedia as Clip } from "../../modalities/video/video-media.ts"
import { VideoMedia } from "../../modalities/video/video-media.ts"
import { MediaOpener } from "../../src/core/source.ts"
import { Media, Sensorium, services } from "../../src/effect.ts"
import { goldenCheckpoint, goldenMedia, temporaryCache } from "./golden-model.ts"

const cache = temporaryCache()
afterAll(cache.remove)
const options = { model: goldenCheckpoint, cacheDir: cache.cacheDir, prefill: { maxRows: 16 } }

/** The clip, whose last frame is not given before `released`. */
const heldBack = (clip: Clip, released: Effect.Effect<void>): Clip =>
  Object.create(clip, {
    frames: {
      value: (indices: ReadonlyArray<number>) =>
        clip.frames(indices).pipe(
          Stream.rechunk(1),
          Stream.zipWithIndex,
          Stream.mapEffect(([frame, i]) => (i === indices.length - 1 ? Effect.as(released, frame) : Effect.succeed(frame)))
        )
    }
  })

describe("prefill runs while later frames are still being decoded", () => {
  it("has read rows of a clip into the cache before its last frame is there", async () => {
    const program = Effect.gen(function* () {
      const released = yield* Deferred.make<void>()
      const opener = Layer.effect(
        MediaOpener,
        Effect.map(MediaOpener, ({ open }) => ({
          open: (ref: Parameters<typeof open>[0]) =>
            Effect.map(open(ref), (media) => (media instanceof VideoMedia ? heldBack(media, Deferred.await(released)) : media))
        }))
      )
      const layer = Sensorium.layerFrom(options).pipe(Layer.provide(opener), Layer.provide(services(options)))
      const readBefore: Array<number> = []
      let isReleased = false
      yield* Effect.gen(function* () {
        const model = yield* Sensorium
        const { rows } = yield* model.plan([Media.video(goldenMedia("clip.mkv"), { fps: 8, minPixels: 3136, maxPixels: 9408, sound: false }), "What happens?"])
        yield* model
          .events([Media.video(goldenMedia("clip.mkv"), { fps: 8, minPixels: 3136, maxPixels: 9408, sound: false }), "What happens?"], { maxTokens: 2 })
          .pipe(
            Stream.runForEach((event) =>
              Effect.gen(function* () {
                if (event.type !== "progress" || event.stage !== "prefill" || isReleased) return
                readBefore.push(event.rows)
                // Half of the prompt is read: only now may the last frame be decoded.
                if (event.rows < rows.total / 2) return
                isReleased = true
                yield* Deferred.succeed(released, undefined)
              })
            )
          )
      }).pipe(Effect.provide(layer))
      return { readBefore, isReleased }
    })
    const { isReleased, readBefore } = await Effect.runPromise(program)
    expect(isReleased).toBe(true)
    expect(readBefore.length).toBeGreaterThan(2)
  }, 60_000)
})
