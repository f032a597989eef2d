import { Effect, Schema } from "effect"
import { type FfmpegMissing, SourceUnreadable } from "../core/errors.ts"
import { Ffmpeg, type FfmpegError, type FfmpegInput } from "./ffmpeg.ts"
import { readBanner } from "./ffmpeg-banner.ts"
import { choose, defined, type ProbedStream, type ProbedStreams, turned } from "./stream-info.ts"

const optionalText = Schema.optional(Schema.String)

/** What `ffprobe -show_streams -show_format -of json` writes, as far as it is read. */
const ProbeOutput = Schema.fromJsonString(
  Schema.Struct({
    streams: Schema.optional(
      Schema.Array(
        Schema.Struct({
          index: Schema.Int,
          codec_type: optionalText,
          codec_name: optionalText,
          width: Schema.optional(Schema.Int),
          height: Schema.optional(Schema.Int),
          avg_frame_rate: optionalText,
          time_base: optionalText,
          duration: optionalText,
          nb_frames: optionalText,
          sample_rate: optionalText,
          channels: Schema.optional(Schema.Int),
          disposition: Schema.optional(Schema.Record(Schema.String, Schema.Int)),
          side_data_list: Schema.optional(Schema.Array(Schema.Struct({ rotation: Schema.optional(Schema.Finite) })))
        })
      )
    ),
    format: Schema.optional(Schema.Struct({ duration: optionalText }))
  })
)

const positive = (text: string | undefined): number | undefined => {
  const number = Number(text)
  return Number.isFinite(number) && number > 0 ? number : undefined
}

const fromProbe = (output: typeof ProbeOutput.Type): ProbedStreams => {
  const streams: Array<ProbedStream> = []
  for (const one of output.streams ?? []) {
    const isDefault = one.disposition?.["default"] === 1
    const codec = one.codec_name ?? "unknown"
    const duration = defined("durationSeconds", positive(one.duration))
    if (one.codec_type === "video" && one.disposition?.["attached_pic"] !== 1 && one.disposition?.["still_image"] !== 1) {
      const rotation = one.side_data_list?.find((side) => side.rotation !== undefined)?.rotation ?? 0
      const [numerator, denominator] = (one.avg_frame_rate ?? "0/0").split("/").map(Number)
      const known = numerator > 0 && denominator > 0
      const [unit, units] = (one.time_base ?? "0/0").split("/").map(Number)
      streams.push({
        kind: "video",
        isDefault,
        info: {
          index: one.index,
          codec,
          rotation,
          ...turned(one.width ?? 0, one.height ?? 0, rotation),
          ...duration,
          ...(known ? { frameRate: [numerator, denominator], roundedFrameRate: Math.round((numerator / denominator) * 100) / 100 } : { roundedFrameRate: 0 }),
          ...(unit > 0 && units > 0 ? { timeBase: [unit, units] } : {}),
          ...defined("promisedFrames", positive(one.nb_frames))
        }
      })
    } else if (one.codec_type === "audio") {
      streams.push({
        kind: "audio",
        isDefault,
        info: { index: one.index, codec, sampleRateHz: positive(one.sample_rate) ?? 0, channels: one.channels ?? 0, ...duration }
      })
    }
  }
  return choose(streams, positive(output.format?.duration))
}

/** Asks what streams a container holds: by ffprobe, or without it from what ffmpeg prints of its input. */
export const probeStreams = Effect.fnUntraced(function* (input: FfmpegInput): Effect.fn.Return<ProbedStreams, FfmpegMissing | FfmpegError, Ffmpeg> {
  const ffmpeg = yield* Ffmpeg
  const { ffprobe } = yield* ffmpeg.programs
  const unreadable = (why: string) => new SourceUnreadable({ stage: "open", source: input.name, message: `${input.name} cannot be read: ${why}` })
  if (ffprobe === undefined) {
    const { said } = yield* ffmpeg.text({ input, output: [], logLevel: "info", anyExit: true })
    const banner = readBanner(said)
    return banner === undefined ? yield* unreadable(said.trim().split("\n").at(-1) ?? "ffmpeg said nothing") : choose(banner.streams, banner.durationSeconds)
  }
  const { stdout } = yield* ffmpeg.text({ program: "ffprobe", input, output: ["-show_streams", "-show_format", "-of", "json"] })
  return fromProbe(
    yield* Effect.mapError(Schema.decodeEffect(ProbeOutput)(stdout), (error) => unreadable(`ffprobe's answer was not understood: ${error.message}`))
  )
})
