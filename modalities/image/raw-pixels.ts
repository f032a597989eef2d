import type { RgbImage } from "./rgb-image.ts"

/** What is done with alpha. */
export type AlphaTreatment =
  /** All of it onto white. */
  | "white"
  /** Onto white where the file itself has red, green, blue and alpha; elsewhere (palette, grey, a key colour) dropped: Qwen's utility, and Pillow's `convert("RGB")`. */
  | "white-rgba"
  /** Dropped everywhere. */
  | "dropped"

/** Pixels as a decoder gives them: channels side by side, no colour managed. */
export interface RawPixels {
  readonly width: number
  readonly height: number
  /** grey, grey + alpha, rgb, rgb + alpha, or cmyk (and more that is not looked at). */
  readonly channels: number
  readonly colour: "grey" | "rgb" | "cmyk"
  /** [height, width, channels]: 8 or 16 bits. */
  readonly data: Uint8Array | Uint16Array
  /** Whether alpha is laid on white; otherwise it is dropped. */
  readonly ontoWhite: boolean
}

/** a x b / 255, rounded: Pillow's MULDIV255. */
const mulDiv255 = (a: number, b: number): number => {
  const t = a * b + 128
  return ((t >> 8) + t) >> 8
}

/** A level laid on white by its alpha: Pillow's BLEND with a white picture below. */
const onWhite = (level: number, alpha: number): number => {
  const t = 255 * (255 - alpha) + level * alpha + 128
  return ((t >> 8) + t) >> 8
}

/**
 * Red, green and blue of 8 bits, as Pillow's `convert("RGB")` makes them: 16 bits lose their low byte, except grey without alpha, which is cut off at
 * 255; CMYK is (255 - K) - C (255 - K) / 255 without a profile.
 */
export const toRgb = (raw: RawPixels): RgbImage => {
  const { width, height, channels, colour, data: source, ontoWhite } = raw
  const pixels = width * height
  const wide = source instanceof Uint16Array
  const shift = wide ? 8 : 0
  const data = new Uint8Array(pixels * 3)
  const alphaAt = !ontoWhite || colour === "cmyk" ? 0 : colour === "grey" && channels === 2 ? 1 : colour === "rgb" && channels === 4 ? 3 : 0
  for (let i = 0, s = 0, o = 0; i < pixels; i++, s += channels, o += 3) {
    if (colour === "grey") {
      const level = wide && channels === 1 ? Math.min(255, source[s]) : source[s] >> shift
      data[o] = data[o + 1] = data[o + 2] = level
    } else if (colour === "rgb") {
      data[o] = source[s] >> shift
      data[o + 1] = source[s + 1] >> shift
      data[o + 2] = source[s + 2] >> shift
    } else {
      const rest = 255 - (source[s + 3] >> shift)
      data[o] = Math.max(0, rest - mulDiv255(source[s] >> shift, rest))
      data[o + 1] = Math.max(0, rest - mulDiv255(source[s + 1] >> shift, rest))
      data[o + 2] = Math.max(0, rest - mulDiv255(source[s + 2] >> shift, rest))
    }
    if (alphaAt > 0) {
      const alpha = source[s + alphaAt] >> shift
      data[o] = onWhite(data[o], alpha)
      data[o + 1] = onWhite(data[o + 1], alpha)
      data[o + 2] = onWhite(data[o + 2], alpha)
    }
  }
  return { width, height, data }
}
