import { fileURLToPath } from "node:url"
import { Stream } from "effect"
import { SourceUnreadable } from "../core/errors.ts"
import type { MediaRef, Source } from "../core/source.ts"
import type { MediaValue } from "../session/open-prompt.ts"

/** Where bytes come from: a path or an address (http, https, data), bytes, or a stream of them, read once. */
export type SourceInput = string | URL | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/** Options that one family alone reads, named as in its processor's configuration, in camelCase: `doPanAndScan` (Gemma 3), `maxSliceNums` (MiniCPM-V). Others look past them. */
export type FamilyOptions = Readonly<Record<string, string | number | boolean>>

/** Options of a picture. */
export interface ImageOptions {
  readonly family?: FamilyOptions
  /** Turn the picture as its EXIF orientation says. Default true. */
  readonly exif?: boolean
  /** Least and most height x width, after the model's own resize. Default: the checkpoint's. */
  readonly minPixels?: number
  readonly maxPixels?: number
}

/** Options of a recording. */
export interface AudioOptions {
  /** Seconds from the start of the recording. */
  readonly start?: number
  readonly end?: number
  /** What becomes of sound longer than the model's window. Default: refused with figures. */
  readonly longAudio?: "refuse" | "windows"
}

/** Options of a clip. */
export interface VideoOptions extends AudioOptions {
  readonly family?: FamilyOptions
  /** Frames a second to look at. Default: the model family's published utility. */
  readonly fps?: number
  /** Frames at the most. */
  readonly maxFrames?: number
  /** Whether its sound is heard. Default true, where there is one. */
  readonly sound?: boolean
  /** Least and most height x width of one frame, after the model's own resize. */
  readonly minPixels?: number
  readonly maxPixels?: number
}

const isAddress = (text: string): boolean => /^(https?|data):/i.test(text)

/** What a person gave, as a source. A string that is no address is a path. */
export const sourceOf = (input: SourceInput): Source => {
  if (typeof input === "string") return isAddress(input) ? { _tag: "Url", url: input } : { _tag: "Path", path: input }
  if (input instanceof URL) return input.protocol === "file:" ? { _tag: "Path", path: fileURLToPath(input) } : { _tag: "Url", url: input.href }
  if (input instanceof Uint8Array) return { _tag: "Bytes", bytes: input }
  const failed = (error: unknown) =>
    new SourceUnreadable({ stage: "open", source: "byte stream", message: `byte stream: ${error instanceof Error ? error.message : String(error)}` })
  const bytes =
    input instanceof ReadableStream ? Stream.fromReadableStream({ evaluate: () => input, onError: failed }) : Stream.fromAsyncIterable(input, failed)
  return { _tag: "ByteStream", bytes }
}

/** Options as media carry them: those that are given, a family's own among them. */
const flat = (options: object): MediaRef["options"] => {
  const { family, ...own }: { readonly family?: FamilyOptions } = options
  return Object.fromEntries(
    Object.entries<MediaRef["options"][string] | undefined>({ ...own, ...family }).flatMap(([name, option]) => (option === undefined ? [] : [[name, option]]))
  )
}

const value =
  (modality: string) =>
  (input: SourceInput, options: object = {}): MediaValue => ({
    _tag: "Source",
    ref: { source: sourceOf(input), modality, options: flat(options) }
  })

/** A picture: any format that sharp reads. */
export const image: (input: SourceInput, options?: ImageOptions) => MediaValue = value("image")

/** A recording: any format that ffmpeg reads. */
export const audio: (input: SourceInput, options?: AudioOptions) => MediaValue = value("audio")

/** A clip, with its sound where it has one: any format that ffmpeg reads. */
export const video: (input: SourceInput, options?: VideoOptions) => MediaValue = value("video")

/** A source whose modality its own bytes tell. */
export const media = (input: SourceInput, options: VideoOptions = {}): MediaValue => ({
  _tag: "Source",
  ref: { source: sourceOf(input), options: flat(options) }
})
