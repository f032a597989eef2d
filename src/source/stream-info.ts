/** The picture stream of a container. */
export interface VideoStreamInfo {
  /** Index in the container: `-map 0:<index>`. */
  readonly index: number
  readonly codec: string
  /** Pixels as they are shown: after the rotation that the container asks for. */
  readonly width: number
  readonly height: number
  /** Degrees, counterclockwise as the display matrix says; 0 when none. */
  readonly rotation: number
  /** Average frames a second, as the container says, a fraction; absent where only a rounded number is known. */
  readonly frameRate?: readonly [numerator: number, denominator: number]
  /** Average frames a second, to two digits. */
  readonly roundedFrameRate: number
  /** Seconds of one unit of its timestamps, a fraction, where it is known. */
  readonly timeBase?: readonly [numerator: number, denominator: number]
  /** Seconds, where the container says. */
  readonly durationSeconds?: number
  /** Frames that the container's index promises, where it has one. */
  readonly promisedFrames?: number
}

/** A sound stream of a container. */
export interface AudioStreamInfo {
  /** Index in the container: `-map 0:<index>`. */
  readonly index: number
  readonly codec: string
  readonly sampleRateHz: number
  readonly channels: number
  /** Seconds, where the container says. */
  readonly durationSeconds?: number
}

/** What a container holds, from its header and its first packets. */
export interface ProbedStreams {
  /** The picture stream that ffmpeg itself would take; absent in a film without pictures (cover art is none). */
  readonly video?: VideoStreamInfo
  /** The sound stream that ffmpeg itself would take. */
  readonly audio?: AudioStreamInfo
  /** Seconds of the whole, where the container says. */
  readonly durationSeconds?: number
}

/** One stream as ffprobe or ffmpeg's banner tells of it, before one of each kind is taken. */
export type ProbedStream =
  | { readonly kind: "video"; readonly isDefault: boolean; readonly info: VideoStreamInfo }
  | { readonly kind: "audio"; readonly isDefault: boolean; readonly info: AudioStreamInfo }

/** An entry, or none where the value is undefined. */
export const defined = <Key extends string>(key: Key, value: number | undefined): { readonly [K in Key]?: number } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: number }) // one key, of the type that was asked for

/** Width and height as shown: a quarter turn changes them. */
export const turned = (width: number, height: number, rotation: number): { readonly width: number; readonly height: number } =>
  Math.abs(Math.abs(rotation % 180) - 90) < 1 ? { width: height, height: width } : { width, height }

/** Takes one stream of each kind, as ffmpeg does: the default one first, then the largest picture, the most channels, the first. */
export const choose = (streams: ReadonlyArray<ProbedStream>, durationSeconds: number | undefined): ProbedStreams => {
  let video: VideoStreamInfo | undefined
  let audio: AudioStreamInfo | undefined
  let videoScore = -1
  let audioScore = -1
  for (const { info, isDefault, kind } of streams) {
    if (kind === "video") {
      const score = info.width * info.height + (isDefault ? 5_000_000 : 0)
      if (score > videoScore) [video, videoScore] = [info, score]
    } else {
      const score = info.channels + (isDefault ? 5_000_000 : 0)
      if (score > audioScore) [audio, audioScore] = [info, score]
    }
  }
  return { ...(video === undefined ? {} : { video }), ...(audio === undefined ? {} : { audio }), ...defined("durationSeconds", durationSeconds) }
}
