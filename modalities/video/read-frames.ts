import { Effect, Stream } from "effect"
import type { FfmpegMissing } from "../../src/core/errors.ts"
import type { Ffmpeg, FfmpegError, FfmpegInput } from "../../src/source/ffmpeg.ts"
import { everyFrame } from "../../src/source/find-ffmpeg.ts"
import type { VideoStreamInfo } from "../../src/source/stream-info.ts"
import { decodeRuns, type DecodeRun } from "./decode-runs.ts"
import { refreshesGradually } from "./gradual-refresh.ts"
import type { ListedFrames } from "./list-frames.ts"
import { selectFilter } from "./select-filter.ts"

/** A clip whose frames can be read: where it is, and what is known of it. */
export interface FrameSource {
  readonly ffmpeg: Ffmpeg["Service"]
  readonly input: FfmpegInput
  readonly stream: VideoStreamInfo
  readonly listed: ListedFrames
}

/** One decoded frame. */
export interface DecodedFrame {
  /** Number of the frame in the file. */
  readonly frame: number
  /** [height, width, 3], red, green, blue, 8 bits each. */
  readonly data: Uint8Array
}

/** Cuts a stream of bytes into pieces of one size, one a pull. What is left over at the end is dropped. */
const cut =
  (size: number) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> =>
    bytes.pipe(
      Stream.rechunk(1),
      Stream.mapAccum(
        () => ({ piece: new Uint8Array(size), filled: 0 }),
        (state, chunk: Uint8Array) => {
          const pieces: Array<Uint8Array> = []
          let { filled, piece } = state
          for (let at = 0; at < chunk.length;) {
            const taken = Math.min(size - filled, chunk.length - at)
            piece.set(chunk.subarray(at, at + taken), filled)
            filled += taken
            at += taken
            if (filled === size) {
              pieces.push(piece)
              piece = new Uint8Array(size)
              filled = 0
            }
          }
          return [{ piece, filled }, pieces] as const
        }
      ),
      Stream.rechunk(1)
    )

/** How one run finds its frames: by timestamp from a key frame, by timestamp from the start, or by counting from the start. */
type Finding = "seek" | "timestamp" | "count"

/**
 * The frames of one run. It may end early: where a seek did not lead to every frame, timestamps turned out otherwise, or the file holds
 * fewer frames than it says.
 */
const runFrames = (
  { ffmpeg, input, listed: { index }, stream }: FrameSource,
  frames: ReadonlyArray<number>,
  finding: Finding
): Stream.Stream<Uint8Array, FfmpegMissing | FfmpegError> => {
  const { height, rotation, width } = stream
  const [first] = frames
  const byTime = finding !== "count"
  const before = byTime ? ["-copyts"] : []
  if (finding === "seek") {
    // Between this frame and the next: a time that no rounding moves to another frame.
    const time = index.seconds(first + 1 < index.count ? (index.timestamp(first) + index.timestamp(first + 1)) / 2 : index.timestamp(first))
    // Frames that a decoder could not complete after a seek are dropped, never shown broken: the caller then decodes from the start.
    before.push("-noaccurate_seek", "-seek_timestamp", "1", "-ss", time.toFixed(6), "-flags", "-output_corrupt")
  }
  // Where the size of frames changes midway, ffmpeg makes its filters anew, scales to the first size, and `select` counts from 0 again. Who
  // counts keeps the filters, and lets `scale` follow the change; the filters that turn a picture cannot.
  const keepsFilters = !byTime && rotation === 0
  if (keepsFilters) before.push("-reinit_filter", "0")
  const picked = byTime
    ? selectFilter(
        "pts",
        frames.map((frame) => index.timestamp(frame))
      )
    : selectFilter("n", frames)
  return Stream.unwrap(
    Effect.map(ffmpeg.programs, (programs) =>
      ffmpeg.stream({
        stage: "encode",
        input: { ...input, options: [...(input.options ?? []), ...before] },
        output: [
          "-map",
          `0:${stream.index}`,
          "-vf",
          keepsFilters ? `${picked},scale=${width}:${height}` : picked,
          ...everyFrame(programs),
          "-frames:v",
          String(frames.length),
          "-f",
          "rawvideo",
          "-pix_fmt",
          "rgb24",
          "pipe:1"
        ]
      })
    )
  ).pipe(cut(width * height * 3))
}

/** What is tried when a run ended early. */
const otherwise: Readonly<Record<Finding, Finding | undefined>> = { seek: "timestamp", timestamp: "count", count: undefined }

/**
 * Decodes the picked frames, one a pull, in as few runs as it pays, never past the last of them. The pixels are those of
 * `ffmpeg -i F -f rawvideo -pix_fmt rgb24 -`. Ends early where the file holds fewer frames than it said.
 *
 * @param picks Numbers of frames in the file, rising, each once.
 */
export const readFrames = (source: FrameSource, picks: ReadonlyArray<number>): Stream.Stream<DecodedFrame, FfmpegMissing | FfmpegError> => {
  const { listed, stream } = source
  const read = (frames: ReadonlyArray<number>, finding: Finding): Stream.Stream<DecodedFrame, FfmpegMissing | FfmpegError> =>
    Stream.suspend(() => {
      let given = 0
      const decoded = Stream.map(runFrames(source, frames, finding), (data): DecodedFrame => ({ frame: frames[given++], data }))
      const next = otherwise[finding]
      return Stream.concat(
        decoded,
        Stream.suspend(() => (next === undefined || given === frames.length ? Stream.empty : read(frames.slice(given), next)))
      )
    })
  const readRun = ({ frames, seeks }: DecodeRun) => read(frames, seeks ? "seek" : listed.timed ? "timestamp" : "count")
  const plan = (seekable: boolean) => decodeRuns(picks, listed.index, stream.width * stream.height, seekable)
  const planned = plan(listed.seekable)
  if (!planned.some(({ seeks }) => seeks)) return Stream.flatMap(Stream.fromIterable(planned), readRun)
  return Stream.unwrap(
    Effect.map(refreshesGradually(source.ffmpeg, source.input, stream, listed.index), (gradual) =>
      Stream.flatMap(Stream.fromIterable(gradual ? plan(false) : planned), readRun)
    )
  )
}
