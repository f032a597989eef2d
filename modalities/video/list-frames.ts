import { Effect, Stream } from "effect"
import { type FfmpegMissing, SourceUnreadable } from "../../src/core/errors.ts"
import type { Ffmpeg, FfmpegError, FfmpegInput } from "../../src/source/ffmpeg.ts"
import { everyFrame } from "../../src/source/find-ffmpeg.ts"
import type { VideoStreamInfo } from "../../src/source/stream-info.ts"
import { FrameIndex } from "./frame-index.ts"

/** A clip's frames in order, and what they were counted by. */
export interface ListedFrames {
  readonly index: FrameIndex
  /** Whether each timestamp names one frame, as a decoder gives it. */
  readonly timed: boolean
  /** Whether, beside that, key frames are known: decoding may begin at one. */
  readonly seekable: boolean
  /** Average frames a second, as a fraction of the container's own, or of its frames where it says none. */
  readonly frameRate: number
}

/** One line about one packet or frame. */
interface Line {
  /** In units of the time base; absent where the container says none. */
  readonly time: number | undefined
  readonly duration: number
  readonly isKey: boolean
  /** Decoded for others' sake, never shown: before the start of an edit list. */
  readonly isHidden: boolean
}

const number = (text: string | undefined): number | undefined => (text === undefined || text === "" || text === "N/A" ? undefined : Number(text))

/** `packet,<pts>,<duration>,<flags>` of ffprobe's csv, in which fields that a packet lacks say N/A. */
const fromPacketLine = (fields: ReadonlyArray<string>): Line => ({
  time: number(fields[1]),
  duration: number(fields[2]) ?? 0,
  isKey: (fields[3] ?? "").startsWith("K"),
  isHidden: (fields[3] ?? "").includes("D")
})

/** `frame,<key_frame>,<best_effort_timestamp>`. */
const fromFrameLine = (fields: ReadonlyArray<string>): Line => ({ time: number(fields[2]), duration: 0, isKey: fields[1] === "1", isHidden: false })

/** `<stream>, <dts>, <pts>, <duration>, <size>, <checksum>[, F=0x<flags>]` of ffmpeg's framecrc; no flags where it is a key frame. */
const fromCrcLine = (fields: ReadonlyArray<string>): Line => {
  const flags = fields.find((field) => field.startsWith("F="))
  const bits = flags === undefined ? 1 : Number.parseInt(flags.slice(4), 16)
  return { time: number(fields[2]), duration: number(fields[3]) ?? 0, isKey: (bits & 1) !== 0, isHidden: (bits & 4) !== 0 }
}

/** Containers whose packets are trusted to be frames, each with its timestamp, and that seek exactly. */
const trustedContainers = new Set(["mov", "matroska"])
/** Codecs in which a packet is a shown frame. (VP8 has hidden frames in packets of their own; MPEG-4 in AVI packs two into one.) */
const trustedCodecs = new Set([
  "h264",
  "hevc",
  "av1",
  "vp9",
  "ffv1",
  "mjpeg",
  "png",
  "prores",
  "dnxhd",
  "rawvideo",
  "mpeg4",
  "h263",
  "huffyuv",
  "utvideo",
  "qtrle"
])

class Tally {
  index: FrameIndex | undefined
  timeBase: readonly [number, number] = [1, 1000]
  frames = 0
  hidden = 0
  untimed = 0
  duration = 0
  firstTime: number | undefined
  firstIsKey = false
  /** Frames that are decoded after the first key frame but shown before it: a decoder that begins here cannot show them. */
  leading = 0

  take(line: Line): void {
    if (this.firstTime === undefined && line.time !== undefined) {
      this.firstTime = line.time
      this.firstIsKey = line.isKey
    }
    if (line.isHidden) {
      this.hidden++
      return
    }
    if (line.time === undefined) this.untimed++
    else if (this.firstTime !== undefined && line.time < this.firstTime) this.leading++
    this.duration += line.duration
    this.index ??= new FrameIndex(this.timeBase)
    this.index.add(line.time ?? this.frames, line.isKey)
    this.frames++
  }
}

const cutOff = /partial file/

const listWith = Effect.fnUntraced(function* (
  ffmpeg: Ffmpeg["Service"],
  input: FfmpegInput,
  stream: VideoStreamInfo,
  decodes: boolean
): Effect.fn.Return<Tally, FfmpegMissing | FfmpegError> {
  const programs = yield* ffmpeg.programs
  const tally = new Tally()
  const map = ["-map", `0:${stream.index}`]
  const byProbe = programs.ffprobe !== undefined
  const job = byProbe
    ? {
        program: "ffprobe" as const,
        input,
        output: [
          "-select_streams",
          String(stream.index),
          "-show_entries",
          decodes ? "frame=key_frame,best_effort_timestamp" : "packet=pts,duration,flags",
          "-of",
          "csv"
        ]
      }
    : {
        input: { ...input, options: [...(input.options ?? []), "-copyts"] },
        output: decodes
          ? [...map, ...everyFrame(programs), "-enc_time_base", "-1", "-c:v", "wrapped_avframe", "-f", "framecrc", "pipe:1"]
          : [...map, "-c", "copy", "-copyinkf", "-f", "framecrc", "pipe:1"]
      }
  const takeLine = (text: string): void => {
    if (text.startsWith("#tb")) {
      const [numerator, denominator] = text
        .slice(text.indexOf(":") + 1)
        .split("/")
        .map(Number)
      tally.timeBase = [numerator, denominator]
    }
    if (text === "" || text.startsWith("#")) return
    if (byProbe && !text.startsWith(decodes ? "frame," : "packet,")) return
    const fields = text.split(",").map((field) => field.trim())
    tally.take(byProbe ? (decodes ? fromFrameLine(fields) : fromPacketLine(fields)) : fromCrcLine(fields))
  }
  if (byProbe) tally.timeBase = stream.timeBase ?? tally.timeBase
  yield* Effect.scoped(
    Effect.gen(function* () {
      const { said, stdout } = yield* ffmpeg.run(job)
      let rest = ""
      yield* stdout.pipe(
        Stream.decodeText(),
        Stream.runForEach((text) =>
          Effect.sync(() => {
            const lines = (rest + text).split("\n")
            rest = lines.pop() ?? ""
            for (const line of lines) takeLine(line)
          })
        )
      )
      takeLine(rest)
      if (cutOff.test(yield* said)) {
        const promised = stream.promisedFrames === undefined ? "" : `: ${tally.frames} of ${stream.promisedFrames} frames are there`
        return yield* new SourceUnreadable({
          stage: "open",
          source: input.name,
          message: `${input.name} cannot be read: it is cut off, its index promises more than the file holds${promised}`
        })
      }
    })
  )
  return tally
})

/** The average rate: the container's own fraction; else the frames' own, where it rounds to what the container's rounded rate is. */
const averageRate = (stream: VideoStreamInfo, tally: Tally): number => {
  if (stream.frameRate !== undefined) return stream.frameRate[0] / stream.frameRate[1]
  const rounded = stream.roundedFrameRate
  const span = tally.index === undefined ? 0 : tally.index.atSeconds(tally.frames - 1)
  const lasted = (tally.duration * tally.timeBase[0]) / tally.timeBase[1]
  const counted = lasted > 0 ? tally.frames / lasted : span > 0 ? (tally.frames - 1) / span : 0
  const fits = (rate: number) => Math.abs(rate - rounded) < 0.005_01
  // Broadcast rates are thousandths of 1,001: 29.97 is 30000 / 1001.
  const candidates = [Math.round(rounded), (Math.round(rounded * 1.001) * 1000) / 1001, counted]
  return candidates.find((rate) => rate > 0 && fits(rate)) ?? (rounded > 0 ? rounded : counted)
}

/** Frames at a steady rate, where their timestamps are of no use. */
const evenIndex = (frames: number, frameRate: number): FrameIndex => {
  const index = new FrameIndex([1, 1_000_000])
  for (let frame = 0; frame < frames; frame++) index.add(Math.round((frame * 1_000_000) / (frameRate > 0 ? frameRate : 25)), frame === 0)
  return index
}

/**
 * Lists a clip's frames without decoding them, where its container and codec keep a frame in each packet; else by decoding, once.
 * Fails with `SourceUnreadable` where the file is cut off, or holds no frame.
 */
export const listFrames = Effect.fnUntraced(function* (
  ffmpeg: Ffmpeg["Service"],
  input: FfmpegInput,
  stream: VideoStreamInfo
): Effect.fn.Return<ListedFrames, FfmpegMissing | FfmpegError> {
  const trusted = trustedContainers.has(input.demuxer) && trustedCodecs.has(stream.codec)
  const packets = trusted ? yield* listWith(ffmpeg, input, stream, false) : undefined
  const exact = packets !== undefined && packets.untimed === 0 && packets.leading === 0 && packets.firstIsKey && packets.index?.hasDuplicates === false
  const tally = exact ? packets : yield* listWith(ffmpeg, input, stream, true)
  if (tally.index === undefined)
    return yield* new SourceUnreadable({ stage: "open", source: input.name, message: `${input.name} cannot be read: it holds no frame` })
  const frameRate = averageRate(stream, tally)
  // Decoded frames come in the order of showing; timestamps that jump back (joined recordings) or are missing say nothing.
  const orderly = exact || (tally.untimed === 0 && !tally.index.wasReordered)
  // ffmpeg, unlike ffprobe, straightens the timestamps of decoded frames before it lists them.
  const timed = exact || (orderly && !tally.index.hasDuplicates && (yield* ffmpeg.programs).ffprobe !== undefined)
  return { index: orderly ? tally.index : evenIndex(tally.frames, frameRate), timed, seekable: exact, frameRate }
})
