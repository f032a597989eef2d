import { Effect, Option, type Scope, Stream } from "effect"
import { type EncodeError, LimitExceeded, type OpenError, OptionInvalid, RowsDiffer, UnsupportedMedia } from "../../src/core/errors.ts"
import type { Media, MediaRef } from "../../src/core/source.ts"
import { Ffmpeg, type FfmpegInput } from "../../src/source/ffmpeg.ts"
import { memoize } from "../../src/source/memoize.ts"
import type { OpenedSource } from "../../src/source/opened-source.ts"
import { CurrentSourceLimits } from "../../src/source/source-limits.ts"
import type { VideoStreamInfo } from "../../src/source/stream-info.ts"
import { type ListedFrames, listFrames } from "./list-frames.ts"
import { readFrames } from "./read-frames.ts"
import { readVideoOptions, type VideoOptions } from "./video-options.ts"

/** One frame of a clip, as it is shown. */
export interface RgbFrame {
  /** Number of the frame, counted from the clip's start (its `start` option). */
  readonly index: number
  /** Seconds from the clip's start. */
  readonly atSeconds: number
  /** Pixels. */
  readonly width: number
  readonly height: number
  /** [height, width, 3], red, green, blue, 8 bits each. The taker's own. */
  readonly data: Uint8Array
}

/** When a clip's frames are shown. */
export interface VideoTimeline {
  /** Frames between the clip's start and its end. */
  readonly frameCount: number
  /** Average frames a second. */
  readonly frameRate: number
  /** Seconds from the clip's start to a frame. */
  readonly atSeconds: (index: number) => number
}

interface Clip {
  readonly ffmpeg: Ffmpeg["Service"]
  readonly input: FfmpegInput
  readonly stream: VideoStreamInfo
  readonly listed: Effect.Effect<ListedFrames, OpenError>
}

/** The part of the file that the options cut out: frames from `first`, `count` of them. */
interface Window {
  readonly listed: ListedFrames
  readonly first: number
  readonly count: number
}

/** A clip, with its sound as a track where it has one and it is asked for. */
export class VideoMedia implements Media {
  readonly modality = "video"
  readonly name: string
  readonly contentId: string
  readonly options: MediaRef["options"]
  readonly tracks: ReadonlyArray<Media>
  /** The options that this modality reads, checked. */
  readonly settings: VideoOptions
  /** Pixels of a frame as it is shown, after the rotation that the file asks for. */
  readonly width: number
  readonly height: number
  /** Seconds, between start and end; from the header, so a file may differ by a little. 0 where it does not say. */
  readonly durationSeconds: number
  /** Frames, from the header: about as many as there are. 0 where it does not say. Costs nothing. */
  readonly estimatedFrames: number
  /** Whether the file has sound, heard or not. */
  readonly hasSound: boolean
  /** The exact number of frames and their times. Reads the file through once, without decoding it where its container allows that. */
  readonly timeline: Effect.Effect<VideoTimeline, OpenError>
  readonly #clip: Clip
  readonly #window: Effect.Effect<Window, OpenError>

  constructor(
    opened: OpenedSource,
    options: MediaRef["options"],
    settings: VideoOptions,
    clip: Clip,
    duration: number,
    hasSound: boolean,
    tracks: ReadonlyArray<Media>
  ) {
    const { end = Number.POSITIVE_INFINITY, start = 0 } = settings
    this.name = opened.name
    this.contentId = opened.contentId
    this.options = options
    this.settings = settings
    this.tracks = tracks
    this.width = clip.stream.width
    this.height = clip.stream.height
    this.durationSeconds = Math.max(0, Math.min(duration, end) - start)
    this.estimatedFrames = Math.floor(this.durationSeconds * clip.stream.roundedFrameRate)
    this.hasSound = hasSound
    this.#clip = clip
    this.#window = Effect.flatMap(clip.listed, (listed) => cutWindow(opened.name, listed, settings))
    this.timeline = Effect.map(this.#window, ({ count, first, listed }): VideoTimeline => ({
      frameCount: count,
      frameRate: listed.frameRate,
      atSeconds: (index) => listed.index.atSeconds(first + index) - listed.index.atSeconds(first)
    }))
  }

  /** The medium as a clip, or none. */
  static readonly accepts = (media: Media): Option.Option<VideoMedia> => (media instanceof VideoMedia ? Option.some(media) : Option.none())

  /**
   * Decodes frames, one a pull; `indices` never fall, and may repeat. Run twice, it decodes twice. Fails with `RowsDiffer` when the file holds
   * fewer frames than it counted.
   */
  frames(indices: ReadonlyArray<number>): Stream.Stream<RgbFrame, EncodeError> {
    return Stream.unwrap(
      Effect.map(this.#window, (window) => {
        const wrong = indices.findIndex((index, at) => !Number.isInteger(index) || index < 0 || index >= window.count || (at > 0 && index < indices[at - 1]))
        if (wrong >= 0) {
          return Stream.fail(
            new OptionInvalid({
              stage: "encode",
              option: "indices",
              message: `${this.name} has frames 0 to ${window.count - 1}, asked for in rising order; number ${wrong} asked for is ${indices[wrong]}`
            })
          )
        }
        return this.#read(indices, window)
      })
    )
  }

  #read(indices: ReadonlyArray<number>, { first, listed }: Window): Stream.Stream<RgbFrame, EncodeError> {
    const { height, name, width } = this
    const repeats = new Map<number, number>()
    for (const index of indices) repeats.set(index, (repeats.get(index) ?? 0) + 1)
    const picks = [...repeats.keys()].map((index) => first + index)
    return Stream.suspend(() => {
      let given = 0
      const decoded = readFrames({ ...this.#clip, listed }, picks).pipe(
        Stream.flatMap(({ data, frame }) => {
          given++
          const atSeconds = listed.index.atSeconds(frame) - listed.index.atSeconds(first)
          // Each taker owns its pixels and may hand them to a thread: a repeated frame is a copy.
          const frames = Array.from({ length: repeats.get(frame - first) ?? 1 }, (_, time): RgbFrame => ({
            index: frame - first,
            atSeconds,
            width,
            height,
            data: time === 0 ? data : data.slice()
          }))
          return Stream.rechunk(Stream.fromIterable(frames), 1)
        })
      )
      const complete = Stream.suspend(() =>
        given === picks.length
          ? Stream.empty
          : Stream.fail(
              new RowsDiffer({
                stage: "encode",
                source: name,
                planned: picks.length,
                encoded: given,
                message: `${name} gave ${given} of the ${picks.length} frames asked for: it counts ${listed.index.count} frames, and holds fewer that can be decoded`
              })
            )
      )
      return Stream.concat(decoded, complete)
    })
  }
}

const cutWindow = (name: string, listed: ListedFrames, { end, start = 0 }: VideoOptions): Effect.Effect<Window, OptionInvalid> => {
  const { index } = listed
  const first = index.firstAt(start)
  // A frame at the very end still counts, as in qwen_vl_utils.
  const last = end === undefined ? index.count - 1 : index.firstAt(end + 2e-6) - 1
  if (last >= first) return Effect.succeed({ listed, first, count: last - first + 1 })
  const length = index.atSeconds(index.count - 1)
  return Effect.fail(
    new OptionInvalid({
      stage: "open",
      option: first >= index.count ? "start" : "end",
      message: `${name}: no frame stands between ${start} s and ${end ?? length} s; its frames stand at 0 s to ${length.toFixed(3)} s`
    })
  )
}

/** Opens a film's sound; what `openVideo` calls where a clip has some. */
export type OpenSound<R> = (opened: OpenedSource, options: MediaRef["options"]) => Effect.Effect<Media, OpenError, Scope.Scope | R>

/**
 * Opens a clip: its metadata now, its frames later. Fails with `UnsupportedMedia` for what is no film, or a film without pictures;
 * `LimitExceeded` for frames beyond `SourceLimits.maxFramePixels`.
 */
export const openVideo = Effect.fnUntraced(function* <R>(
  opened: OpenedSource,
  options: MediaRef["options"],
  openSound: OpenSound<R>
): Effect.fn.Return<VideoMedia, OpenError, Scope.Scope | Ffmpeg | R> {
  const settings = yield* readVideoOptions(options)
  const { kind, name } = opened
  const unsupported = (why: string) => new UnsupportedMedia({ stage: "open", source: name, modality: "video", message: `${name} is ${why}` })
  if (kind._tag === "Unknown" || kind._tag === "Linking" || kind.demuxer === undefined) return yield* unsupported(`${kind.what}, not a film`)
  const ffmpeg = yield* Ffmpeg
  const limits = yield* CurrentSourceLimits
  const streams = yield* opened.streams
  const { audio, video } = streams
  if (video === undefined) {
    return yield* unsupported(
      audio === undefined ? `${kind.what} that holds neither pictures nor sound` : `a film without pictures: it holds sound only, which audio(...) reads`
    )
  }
  const { height, width } = video
  if (width < 1 || height < 1) return yield* unsupported(`${kind.what} whose frames have no size`)
  if (width * height > limits.maxFramePixels) {
    return yield* new LimitExceeded({
      stage: "open",
      source: name,
      limit: "pixels of a frame",
      needed: width * height,
      allowed: limits.maxFramePixels,
      message: `${name} has frames of ${width} x ${height} = ${(width * height).toLocaleString("en-US")} pixels; at most ${limits.maxFramePixels.toLocaleString("en-US")} are read`
    })
  }
  // The header may say less than the pictures themselves: decoders are bound too, with room for sizes rounded up to blocks.
  const input: FfmpegInput = {
    name,
    path: yield* opened.path,
    demuxer: kind.demuxer,
    options: ["-max_pixels", String(Math.ceil(limits.maxFramePixels * 1.25))]
  }
  const listed = memoize(listFrames(ffmpeg, input, video))
  const duration = video.durationSeconds ?? streams.durationSeconds ?? 0
  if (settings.start !== undefined && duration > 0 && settings.start >= duration) {
    return yield* new OptionInvalid({ stage: "open", option: "start", message: `${name} lasts ${duration} s; start is ${settings.start} s` })
  }
  const tracks = audio !== undefined && settings.sound !== false ? [yield* openSound(opened, options)] : []
  return new VideoMedia(opened, options, settings, { ffmpeg, input, stream: video, listed }, duration, audio !== undefined, tracks)
})
