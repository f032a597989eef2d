import { Effect, Stream } from "effect"
import { open } from "node:fs/promises"
import { type LimitExceeded, SourceUnreadable } from "../../src/core/errors.ts"
import { fileReason, readAt } from "../../src/source/open-path.ts"
import type { OpenedSource } from "../../src/source/opened-source.ts"
import { sampleRateHz } from "./audio-media.ts"
import { monoSamples } from "./pcm-samples.ts"
import type { WavHeader } from "./wav-header.ts"

/** Files up to this size are read whole; a longer one second by second. Bytes. */
const wholeUpTo = 1024 * 1024

/** Reads `[from, from + bytes)` of an opened source, as often as asked, while the scope lives. */
const reader = (opened: OpenedSource) =>
  Effect.gen(function* () {
    if (opened.size <= wholeUpTo) {
      const bytes = yield* opened.bytes
      return (from: number, length: number): Effect.Effect<Uint8Array, SourceUnreadable> => Effect.succeed(bytes.subarray(from, from + length))
    }
    const path = yield* opened.path
    const failed = (cause: unknown) =>
      new SourceUnreadable({ stage: "encode", source: opened.name, message: `${opened.name} cannot be read: ${fileReason(cause)}` })
    const handle = yield* Effect.acquireRelease(Effect.tryPromise({ try: () => open(path), catch: failed }), (one) =>
      Effect.promise(() => one.close().catch(() => undefined))
    )
    return (from: number, length: number): Effect.Effect<Uint8Array, SourceUnreadable> =>
      Effect.tryPromise({ try: () => readAt(handle, from, length), catch: failed })
  })

/** Samples `from` to `to` of a 16 kHz wav of one or two channels, a second a pull. A file that has become shorter since it was opened fails. */
export const readWav = (
  opened: OpenedSource,
  header: WavHeader,
  from: number,
  to: number
): Stream.Stream<Float32Array<ArrayBuffer>, SourceUnreadable | LimitExceeded> =>
  Stream.unwrap(
    Effect.map(reader(opened), (read) => {
      const frameBytes = (header.channels * header.bits) / 8
      const pieces = Math.ceil((to - from) / sampleRateHz)
      return Stream.range(0, pieces - 1).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((piece) => {
          const first = from + piece * sampleRateHz
          const count = Math.min(sampleRateHz, to - first)
          return Effect.flatMap(read(header.dataOffset + first * frameBytes, count * frameBytes), (bytes) =>
            bytes.length === count * frameBytes
              ? Effect.succeed(monoSamples(bytes, header))
              : Effect.fail(
                  new SourceUnreadable({
                    stage: "encode",
                    source: opened.name,
                    message: `${opened.name} cannot be read: it has become shorter since it was opened`
                  })
                )
          )
        })
      )
    })
  )
