import type { Effect, Stream } from "effect"
import type { OpenError } from "../../src/core/errors.ts"
import type { Media } from "../../src/core/source.ts"

/** Samples a second of all sound here, whatever the file has. */
export const sampleRateHz = 16_000

/** A recording, or the sound of a clip. */
export interface AudioMedia extends Media {
  readonly modality: "audio"
  /** Seconds between start and end, from the container: a file may differ by a little. 0 where it does not say. Costs nothing. */
  readonly seconds: number
  /**
   * The exact number of samples at 16 kHz. Known from the header of a 16 kHz wav; else the sound is decoded once, and the number remembered. A recording without
   * samples fails with `SourceUnreadable`; a clip's sound may have 0.
   */
  readonly sampleCount: Effect.Effect<number, OpenError>
  /**
   * Mono samples at 16 kHz, about -1 to 1, in pieces of a second, read as they are pulled. Run twice, it reads twice; what counting a short sound decoded is given once, without decoding. Fails with `SourceUnreadable` at
   * a sample that is not finite. Each array is the taker's own.
   */
  readonly samples: Stream.Stream<Float32Array<ArrayBuffer>, OpenError>
}

/** Whether a medium is sound. */
export const isAudioMedia = (media: Media): media is AudioMedia => media.modality === "audio" && "samples" in media && "sampleCount" in media
