import { Effect, Stream } from "effect"
import { LimitExceeded, OptionInvalid, type PlanError } from "../../src/core/errors.ts"
import { type AudioMedia, sampleRateHz } from "./audio-media.ts"

/** What becomes of sound longer than an encoder's window: refused, encoded window by window, or cut, which is what references do and only `verify` asks for. */
export type LongAudio = "refuse" | "windows" | "cut"

/** The option `longAudio`, "refuse" where nothing is said. */
export const longAudioOf = (media: AudioMedia): Effect.Effect<LongAudio, OptionInvalid> => {
  const { longAudio = "refuse" } = media.options
  return longAudio === "refuse" || longAudio === "windows" || longAudio === "cut"
    ? Effect.succeed(longAudio)
    : Effect.fail(new OptionInvalid({ stage: "plan", option: "longAudio", message: `longAudio is ${longAudio}; it is "refuse" or "windows"` }))
}

/** Samples that are heard of a recording, where an encoder's window holds `window`. Fails with `LimitExceeded` where they are too many and nobody asked for windows. */
export const heardSamples = (media: AudioMedia, window: number): Effect.Effect<number, PlanError> =>
  Effect.gen(function* () {
    const longAudio = yield* longAudioOf(media)
    const counted = yield* media.sampleCount
    if (counted > window && longAudio === "refuse") {
      const [needed, allowed] = [counted / sampleRateHz, window / sampleRateHz]
      return yield* new LimitExceeded({
        stage: "plan",
        source: media.name,
        limit: "seconds of sound",
        needed,
        allowed,
        message: `${media.name}: ${needed.toFixed(1)} s of sound; the encoder's window holds ${allowed} s. longAudio: "windows" encodes it window by window`
      })
    }
    return longAudio === "cut" ? Math.min(window, counted) : counted
  })

/** The first `most` samples. */
export const firstSamples = <E, R>(samples: Stream.Stream<Float32Array<ArrayBuffer>, E, R>, most: number): Stream.Stream<Float32Array<ArrayBuffer>, E, R> =>
  Stream.suspend(() => {
    let left = most
    return samples.pipe(
      Stream.rechunk(1),
      Stream.map((chunk) => {
        const part = chunk.subarray(0, left)
        left -= part.length
        return part
      }),
      Stream.takeUntil(() => left === 0)
    )
  })
