import type { Effect } from "effect"
import type { EncodeError } from "../../src/core/errors.ts"
import type { Media } from "../../src/core/source.ts"
import type { AlphaTreatment } from "./raw-pixels.ts"
import type { RgbImage } from "./rgb-image.ts"

/** How a picture is read. A person's own `exif` and `alpha` options win over a family's. */
export interface ImageSettings {
  /** Whether the picture is turned as its EXIF orientation says. */
  readonly exif: boolean
  readonly alpha: AlphaTreatment
}

/** How a picture is read where nobody says otherwise. */
export const defaultImageSettings: ImageSettings = { exif: true, alpha: "white" }

/** A picture whose header has been read. */
export interface ImageMedia extends Media {
  readonly modality: "image"
  /** Pixels, as the picture is seen: turned where its settings say so. */
  readonly width: number
  /** Pixels. */
  readonly height: number
  readonly settings: ImageSettings
  /** All pixels, decoded anew each time it is run. The array is the caller's own: it may be handed over. */
  readonly pixels: Effect.Effect<RgbImage, EncodeError>
  /** The same picture as a family's reference reads it, in what the person left open. */
  readonly readAs: (settings: Partial<ImageSettings>) => ImageMedia
}

/** Whether a medium is a picture. */
export const isImageMedia = (media: Media): media is ImageMedia => media.modality === "image" && "pixels" in media && "readAs" in media
