import { Effect } from "effect"
import { LimitExceeded, OptionInvalid, type OpenError, UnsupportedMedia } from "../../src/core/errors.ts"
import type { MediaRef } from "../../src/core/source.ts"
import type { OpenedSource } from "../../src/source/opened-source.ts"
import { CurrentSourceLimits } from "../../src/source/source-limits.ts"
import { Workers } from "../../src/worker/workers.ts"
import { workerTask } from "../../src/worker/worker-task.ts"
import { decodeImage, type ImageHeader, readImageHeader } from "./decode-image.ts"
import { defaultImageSettings, type ImageMedia, type ImageSettings } from "./image-media.ts"
import type { AlphaTreatment, RawPixels } from "./raw-pixels.ts"
import type { RgbImage } from "./rgb-image.ts"

const toRgbTask = workerTask<typeof import("./image.worker.ts")>()("./image.worker.ts", import.meta.url, "toRgb")

/** Formats that sharp's own build reads; a vector picture is none of them: it would be drawn, and may name other files. */
const readable = new Set(["jpeg", "png", "webp", "gif", "tiff", "avif", "heif"])

const settingsOf = (options: MediaRef["options"], source: string): Effect.Effect<Partial<ImageSettings>, OptionInvalid> => {
  const { exif, alpha } = options
  const wrong = (option: string, allowed: string) =>
    Effect.fail(
      new OptionInvalid({
        stage: "open",
        option,
        message: `${source}: option ${option} is ${JSON.stringify(options[option])}; it can be ${allowed}`
      })
    )
  if (exif !== undefined && typeof exif !== "boolean" && exif !== "ignored") return wrong("exif", 'true, false or "ignored"')
  if (alpha !== undefined && alpha !== "white" && alpha !== "white-rgba" && alpha !== "dropped") return wrong("alpha", '"white", "white-rgba" or "dropped"')
  return Effect.succeed({ ...(exif === undefined ? {} : { exif: exif === true }), ...(alpha === undefined ? {} : { alpha }) })
}

/** Whether the file itself has red, green, blue and alpha: what Pillow opens in mode RGBA. */
const isRgba = (header: ImageHeader, opened: OpenedSource): boolean => {
  if (!header.hasAlpha || header.palette) return false
  // A PNG may have alpha from a key colour; its colour type tells. Pillow opens grey with alpha of 16 bits as RGBA.
  const colourType = opened.head[25]
  if (opened.kind._tag === "Image" && opened.kind.format === "png") return colourType === 6 || (colourType === 4 && header.depth === 16)
  return header.colour === "rgb"
}

const ontoWhite = (alpha: AlphaTreatment, header: ImageHeader, opened: OpenedSource): boolean =>
  alpha === "white" ? header.hasAlpha : alpha === "white-rgba" ? isRgba(header, opened) : false

/** Opens a picture from its header alone: its size is known and within bounds, no pixel is decoded. */
export const openImage = Effect.fnUntraced(function* (opened: OpenedSource, options: MediaRef["options"]): Effect.fn.Return<ImageMedia, OpenError, Workers> {
  const { kind, name } = opened
  const limits = yield* CurrentSourceLimits
  const workers = yield* Workers
  const asked = yield* settingsOf(options, name)
  if (kind._tag !== "Image" || !readable.has(kind.format)) {
    return yield* new UnsupportedMedia({
      stage: "open",
      source: name,
      modality: "image",
      message:
        kind._tag === "Image" ? `${name} is ${kind.what}, which is not read; JPEG, PNG, WebP, GIF, TIFF and AVIF are` : `${name} is ${kind.what}, not a picture`
    })
  }
  const bytes = yield* opened.bytes
  const header = yield* readImageHeader(bytes, name)
  const needed = header.width * header.height
  if (needed > limits.maxPixels) {
    return yield* new LimitExceeded({
      stage: "open",
      source: name,
      limit: "pixels",
      needed,
      allowed: limits.maxPixels,
      message: `${name}: ${header.width} x ${header.height} pixels are ${needed}; at most ${limits.maxPixels} are read`
    })
  }

  const rgbOf = (raw: RawPixels): Effect.Effect<RgbImage, OpenError> =>
    raw.colour === "rgb" && raw.channels === 3 && raw.data instanceof Uint8Array
      ? Effect.succeed({ width: raw.width, height: raw.height, data: raw.data })
      : workers.call(toRgbTask, [raw], { transfer: raw.data.buffer instanceof ArrayBuffer ? [raw.data.buffer] : [] })

  const media = (settings: ImageSettings): ImageMedia => {
    const turned = settings.exif && header.orientation >= 5
    return {
      modality: "image",
      name,
      contentId: `${opened.contentId}:exif=${settings.exif}:alpha=${settings.alpha}`,
      options,
      tracks: [],
      width: turned ? header.height : header.width,
      height: turned ? header.width : header.height,
      settings,
      pixels: Effect.flatMap(opened.bytes, (whole) =>
        decodeImage(whole, header, {
          source: name,
          turn: settings.exif && header.orientation > 1,
          ontoWhite: ontoWhite(settings.alpha, header, opened),
          maxPixels: limits.maxPixels
        })
      ).pipe(Effect.flatMap(rgbOf)),
      readAs: (family) => media({ ...defaultImageSettings, ...family, ...asked })
    }
  }
  return media({ ...defaultImageSettings, ...asked })
})
