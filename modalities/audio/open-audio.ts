import { Effect, type Scope, Stream } from "effect"
import { type OpenError, OptionInvalid, SourceUnreadable, UnsupportedMedia } from "../../src/core/errors.ts"
import type { MediaRef } from "../../src/core/source.ts"
import { Ffmpeg } from "../../src/source/ffmpeg.ts"
import { memoize } from "../../src/source/memoize.ts"
import type { OpenedSource } from "../../src/source/opened-source.ts"
import { type AudioMedia, sampleRateHz } from "./audio-media.ts"
import { sampleRange, type SampleRange } from "./audio-options.ts"
import { decodeSound } from "./decode-sound.ts"
import { readWav } from "./read-wav.ts"
import { readWavHeader, type WavHeader } from "./wav-header.ts"

/** A wav that is read here, without ffmpeg: 16 kHz, one or two channels. */
const plainWav = (opened: OpenedSource): WavHeader | undefined => {
  const header = opened.kind._tag === "Container" && opened.kind.format === "wav" ? readWavHeader(opened.head, opened.size) : undefined
  return header !== undefined && header.sampleRateHz === sampleRateHz && header.channels <= 2 ? header : undefined
}

/** Cuts samples `from` to `to` out of a stream, and stops it there. */
const within = <E, R>(samples: Stream.Stream<Float32Array<ArrayBuffer>, E, R>, { from, to }: SampleRange): Stream.Stream<Float32Array<ArrayBuffer>, E, R> =>
  from === 0 && to === Number.POSITIVE_INFINITY
    ? samples
    : Stream.suspend(() => {
        let at = 0
        return samples.pipe(
          Stream.map((piece) => {
            const start = at
            at += piece.length
            return start >= from && at <= to ? piece : piece.slice(Math.max(0, from - start), Math.max(0, to - start))
          }),
          // The piece that reaches the end is the last; no further one is decoded.
          Stream.takeUntil(() => at >= to),
          Stream.filter((piece) => piece.length > 0)
        )
      })

const notFinite = (piece: Float32Array): number => {
  // The difference is 0 for every finite number, and NaN for all others.
  for (let i = 0; i < piece.length; i++) if (piece[i] - piece[i] !== 0) return i
  return -1
}

/** Fails at the first sample that is not finite. */
const finite = <E, R>(
  name: string,
  samples: Stream.Stream<Float32Array<ArrayBuffer>, E, R>
): Stream.Stream<Float32Array<ArrayBuffer>, E | SourceUnreadable, R> =>
  Stream.suspend(() => {
    let before = 0
    return samples.pipe(
      Stream.mapEffect((piece) => {
        const at = notFinite(piece)
        if (at >= 0) {
          return Effect.fail(
            new SourceUnreadable({
              stage: "encode",
              source: name,
              message: `${name} cannot be read: sample ${before + at} (${((before + at) / sampleRateHz).toFixed(3)} s) is ${piece[at]}`
            })
          )
        }
        before += piece.length
        return Effect.succeed(piece)
      })
    )
  })

/** Samples that counting keeps at most, 4 MB: a minute or so, for which starting ffmpeg again costs more than decoding. */
const keptSamples = 64 * sampleRateHz

interface Sound {
  readonly seconds: number
  /** Samples between start and end, where the header tells. */
  readonly known?: number
  readonly samples: Stream.Stream<Float32Array<ArrayBuffer>, OpenError>
}

const wavSound = (opened: OpenedSource, header: WavHeader, { from, to }: SampleRange): Sound => {
  const all = header.dataBytes / ((header.channels * header.bits) / 8)
  const last = Math.min(to, all)
  const known = Math.max(0, last - from)
  return { seconds: known / sampleRateHz, known, samples: known === 0 ? Stream.empty : readWav(opened, header, from, last) }
}

const ffmpegSound = Effect.fnUntraced(function* (opened: OpenedSource, range: SampleRange): Effect.fn.Return<Sound, OpenError, Ffmpeg> {
  const { kind, name } = opened
  const ffmpeg = yield* Ffmpeg
  const unsupported = (message: string) => new UnsupportedMedia({ stage: "open", source: name, modality: "audio", message })
  if (kind._tag === "Unknown" || kind._tag === "Linking" || kind.demuxer === undefined) return yield* unsupported(`${name} is ${kind.what}, not sound`)
  const streams = yield* opened.streams
  if (streams.audio === undefined) return yield* unsupported(`${name} is ${kind.what} without sound`)
  const duration = streams.audio.durationSeconds ?? streams.durationSeconds ?? 0
  return {
    seconds: Math.max(0, Math.min(duration, range.to / sampleRateHz) - range.from / sampleRateHz),
    samples: within(decodeSound({ ffmpeg, input: { name, path: yield* opened.path, demuxer: kind.demuxer }, index: streams.audio.index }), range)
  }
})

const openSound = Effect.fnUntraced(function* (
  opened: OpenedSource,
  options: MediaRef["options"],
  mayBeEmpty: boolean
): Effect.fn.Return<AudioMedia, OpenError, Ffmpeg> {
  const { name } = opened
  const range = yield* sampleRange(options, name)
  const header = plainWav(opened)
  const sound = header === undefined ? yield* ffmpegSound(opened, range) : wavSound(opened, header, range)
  const empty =
    range.from > 0
      ? new OptionInvalid({ stage: "open", option: "start", message: `${name}: no sound is left after start (${range.from / sampleRateHz} s)` })
      : new SourceUnreadable({ stage: "open", source: name, message: `${name} cannot be read: it holds no samples` })
  if (sound.known === 0 && !mayBeEmpty) return yield* empty
  const samples = finite(name, sound.samples)
  // What counting decoded, where it is short. The first who reads the samples takes it, and decodes nothing; it is held no longer than that.
  let kept: ReadonlyArray<Float32Array<ArrayBuffer>> | undefined
  const counted = Effect.suspend(() => {
    let count = 0
    let pieces: Array<Float32Array<ArrayBuffer>> = []
    return Effect.map(
      Stream.runForEach(samples, (piece) =>
        Effect.sync(() => {
          count += piece.length
          if (count <= keptSamples) pieces.push(piece)
          else pieces = []
        })
      ),
      () => {
        if (count <= keptSamples) kept = pieces
        return count
      }
    )
  })
  return {
    modality: "audio",
    name,
    contentId: `${opened.contentId}:samples=${range.from}-${range.to}`,
    options,
    tracks: [],
    seconds: sound.seconds,
    sampleCount:
      sound.known !== undefined
        ? Effect.succeed(sound.known)
        : memoize(Effect.flatMap(counted, (count) => (count === 0 && !mayBeEmpty ? Effect.fail(empty) : Effect.succeed(count)))),
    samples: Stream.suspend(() => {
      if (kept === undefined) return samples
      const taken = kept
      kept = undefined
      return Stream.rechunk(Stream.fromIterable(taken), 1)
    })
  }
})

/**
 * Opens a recording, or a film whose sound alone is wanted: metadata now, samples later. A 16 kHz wav of one or two channels is read here; all else goes through
 * ffmpeg. `options`: `start`, `end` (seconds). Fails with `UnsupportedMedia` for what holds no sound, `SourceUnreadable` for no samples.
 */
export const openAudio = (opened: OpenedSource, options: MediaRef["options"]): Effect.Effect<AudioMedia, OpenError, Ffmpeg | Scope.Scope> =>
  openSound(opened, options, false)

/** Opens a clip's own sound: as `openAudio`, but it may be empty (a sound stream that ends before `start`, or holds nothing). */
export const openSoundTrack = (opened: OpenedSource, options: MediaRef["options"]): Effect.Effect<AudioMedia, OpenError, Ffmpeg | Scope.Scope> =>
  openSound(opened, options, true)
