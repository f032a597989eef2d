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
const cut = (size: number) => <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> =>
  bytes.pipe(
    Stream.rechunk(1),
    Stream.mapAccum(() => ({ piece: new Uint8Array(size), filled: 0 }), (state, chunk: Uint8Array) => {
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
    }),
    Stream.rechunk(1)
  )

/** The frames of one run. It may end early: where a seek did not lead to every frame, or the file holds fewer than it says. */
const runFrames = ({ ffmpeg, input, listed: { index }, stream }: FrameSource, run: DecodeRun): Stream.Stream<Uint8Array, FfmpegMissing | FfmpegError> => {
  const { height, width } = stream
  const [first] = run.frames
  // Between this frame and the next: a time that no rounding moves to another frame.
  const seekTo = index.seconds(first + 1 < index.count ? (index.timestamp(first) + index.timestamp(first + 1)) / 2 : index.timestamp(first))
  const before = run.seeks
    // Frames that a decoder could not complete after a seek are dropped, never shown broken: the caller then decodes from the start.
    ? ["-copyts", "-noaccurate_seek", "-seek_timestamp", "1", "-ss", seekTo.toFixed(6), "-flags", "-output_corrupt"]
    : []
  const picked = run.seeks ? selectFilter("pts", run.frames.map((frame) => index.timestamp(frame))) : selectFilter("n", run.frames)
  return Stream.unwrap(Effect.map(ffmpeg.programs, (programs) => ffmpeg.stream({
    stage: "encode",
    input: { ...input, options: [...input.options ?? [], ...before] },
    output: [
      "-map", `0:${stream.index}`, "-vf", `${picked},scale=${width}:${height}`, ...everyFrame(programs),
      "-frames:v", String(run.frames.length), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"
    ]
  }))).pipe(cut(width * height * 3))
}

/**
 * Decodes the picked frames, one a pull, in as few runs as it pays, never past the last of them. The pixels are those of
 * `ffmpeg -i F -f rawvideo -pix_fmt rgb24 -`. Ends early where the file holds fewer frames than it said.
 *
 * @param picks Numbers of frames in the file, rising, each once.
 */
export const readFrames = (source: FrameSource, picks: ReadonlyArray<number>): Stream.Stream<DecodedFrame, FfmpegMissing | FfmpegError> => {
  const { listed, stream } = source
  const read = (run: DecodeRun): Stream.Stream<DecodedFrame, FfmpegMissing | FfmpegError> => Stream.suspend(() => {
    let given = 0
    const frames = Stream.map(runFrames(source, run), (data): DecodedFrame => ({ frame: run.frames[given++], data }))
    const rest = Stream.suspend(() => run.seeks && given < run.frames.length ? read({ frames: run.frames.slice(given), seeks: false }) : Stream.empty)
    return Stream.concat(frames, rest)
  })
  const plan = (seekable: boolean) => decodeRuns(picks, listed.index, stream.width * stream.height, seekable)
  const planned = plan(listed.seekable)
  if (!planned.some(({ seeks }) => seeks)) return Stream.flatMap(Stream.fromIterable(planned), read)
  return Stream.unwrap(Effect.map(refreshesGradually(source.ffmpeg, source.input, stream, listed.index), (gradual) =>
    Stream.flatMap(Stream.fromIterable(gradual ? plan(false) : planned), read)))
}
