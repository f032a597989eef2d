/** A picture in memory: 8 bits a channel, red, green, blue, rows from the top, no padding. */
export interface RgbImage {
  /** Pixels. */
  readonly width: number
  /** Pixels. */
  readonly height: number
  /** [height, width, 3]. */
  readonly data: Uint8Array
}

/** Pixels across and down. */
export interface PixelSize {
  readonly width: number
  readonly height: number
}
