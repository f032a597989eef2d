import { Effect, Semaphore } from "effect"
import { setImmediate } from "node:timers/promises"
import { SourceUnreadable, UnsupportedMedia } from "../../src/core/errors.ts"
import type { RawPixels } from "./raw-pixels.ts"

/** What a picture's header says. */
export interface ImageHeader {
  /** Pixels, as stored: not turned. */
  readonly width: number
  readonly height: number
  /** EXIF orientation, 1 to 8; 5 and more swap width and height. */
  readonly orientation: number
  readonly channels: number
  readonly hasAlpha: boolean
  /** Whether colours come from a palette. */
  readonly palette: boolean
  readonly colour: RawPixels["colour"]
  /** Bits of a channel. */
  readonly depth: 8 | 16
  /** libvips' name for the colours, to decode without converting them. */
  readonly space: "srgb" | "b-w" | "cmyk" | "rgb16" | "grey16"
}

// Loaded when the first picture is opened: it takes a tenth of a second, which a question about sound need not wait for.
const loadSharp = async () => (await import("sharp")).default

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split("\n")[0].replace(/^Input (?:buffer|file) /, "")

const unreadable =
  (source: string, stage: "open" | "encode") =>
  (cause: unknown): SourceUnreadable =>
    new SourceUnreadable({ stage, source, message: `${source} cannot be read: ${reason(cause)}` })

const colours: Readonly<Record<string, Pick<ImageHeader, "space" | "colour" | "depth">>> = {
  srgb: { space: "srgb", colour: "rgb", depth: 8 },
  rgb: { space: "srgb", colour: "rgb", depth: 8 },
  "b-w": { space: "b-w", colour: "grey", depth: 8 },
  cmyk: { space: "cmyk", colour: "cmyk", depth: 8 },
  rgb16: { space: "rgb16", colour: "rgb", depth: 16 },
  grey16: { space: "grey16", colour: "grey", depth: 16 }
}

/** Reads the header alone. Fails with `SourceUnreadable` for what is no picture, `UnsupportedMedia` for colours that no reference reads. */
export const readImageHeader = Effect.fnUntraced(function* (bytes: Uint8Array, source: string) {
  const header = yield* Effect.tryPromise({
    try: async () => (await loadSharp())(bytes, { limitInputPixels: false, failOn: "error" }).metadata(),
    catch: unreadable(source, "open")
  })
  const colour = colours[header.space]
  const depth = header.depth === "uchar" ? 8 : header.depth === "ushort" ? 16 : 0
  if (colour === undefined || depth !== colour.depth) {
    return yield* new UnsupportedMedia({
      stage: "open",
      source,
      modality: "image",
      message: `${source} holds ${header.channels} channels of ${header.space} colours as ${header.depth}; pictures of 8 or 16 bits in grey, RGB or CMYK are read`
    })
  }
  const found: ImageHeader = {
    width: header.width,
    height: header.height,
    orientation: header.orientation ?? 1,
    channels: header.channels,
    hasAlpha: header.hasAlpha,
    palette: header.isPalette,
    ...colour
  }
  return found
})

/** Bytes copied before the event loop gets its turn: about a millisecond. */
const slice = 4 * 1024 * 1024

/** sharp's memory cannot be handed to a worker: its own, copied in slices with the event loop's other work between them. */
const owned = async (bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => {
  const out = new Uint8Array(bytes.length)
  for (let at = 0; at < bytes.length; at += slice) {
    if (at > 0) await setImmediate()
    out.set(bytes.subarray(at, at + slice), at)
  }
  return out
}

// One at a time: a decoder holds a thread of libuv's pool, which files, names and graph runs need as well.
const decoding = Semaphore.makeUnsafe(1)

/**
 * All pixels of the first picture in `bytes`, no colour converted, no profile applied, not shrunk on load. `turn`: as the EXIF orientation says. A
 * picture that is cut off fails with `SourceUnreadable`.
 */
export const decodeImage = (
  bytes: Uint8Array,
  header: ImageHeader,
  options: { readonly source: string; readonly turn: boolean; readonly ontoWhite: boolean; readonly maxPixels: number }
): Effect.Effect<RawPixels, SourceUnreadable> =>
  Effect.tryPromise({
    try: async (): Promise<RawPixels> => {
      // Grey with alpha would lose the alpha as "b-w"; as "srgb" libvips repeats the grey.
      const space = header.space === "b-w" && header.hasAlpha ? "srgb" : header.space
      const sharp = await loadSharp()
      const pipeline = sharp(bytes, { failOn: "error", ignoreIcc: true, limitInputPixels: options.maxPixels, autoOrient: options.turn, page: 0, pages: 1 })
        .pipelineColourspace(space)
        .toColourspace(space)
        .raw({ depth: header.depth === 16 ? "ushort" : "uchar" })
      const { data, info } = await pipeline.toBuffer({ resolveWithObject: true })
      const copy = await owned(data)
      return {
        width: info.width,
        height: info.height,
        channels: info.channels,
        ontoWhite: options.ontoWhite,
        colour: space === "srgb" ? "rgb" : header.colour,
        data: header.depth === 16 ? new Uint16Array(copy.buffer) : copy
      }
    },
    catch: unreadable(options.source, "encode")
  }).pipe(decoding.withPermits(1))
