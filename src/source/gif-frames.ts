/** Where a walk through the blocks of a GIF stands. */
type GifPlace = "header" | "block" | "extension" | "imageHeader" | "codeSize" | "data"

/**
 * Walks through the blocks of a GIF as bytes come in, and counts its frames. Pictures are skipped, not decoded.
 * Follows the GIF89a specification.
 */
export class GifFrames {
  /** Frames begun so far. */
  frames = 0
  /** Whether the end of the GIF was reached, or bytes that fit no block. */
  ended = false
  #place: GifPlace = "header"
  #skip = 0
  #pending: Array<number> = []

  /** Takes the bytes that follow the ones taken before. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length && !this.ended) {
      const skipped = Math.min(this.#skip, bytes.length - at)
      this.#skip -= skipped
      at += skipped
      if (at < bytes.length) this.#take(bytes[at++])
    }
  }

  #take(byte: number): void {
    if (this.#place === "header" || this.#place === "imageHeader") {
      const length = this.#place === "header" ? 13 : 9
      this.#pending.push(byte)
      if (this.#pending.length < length) return
      // The flags of either header say how long the color table is that follows.
      const flags = this.#pending[this.#place === "header" ? 10 : 8]
      this.#skip = (flags & 0x80) !== 0 ? 3 << ((flags & 7) + 1) : 0
      this.#place = this.#place === "header" ? "block" : "codeSize"
      this.#pending = []
    } else if (this.#place === "block") {
      if (byte === 0x2c) {
        this.frames++
        this.#place = "imageHeader"
      } else if (byte === 0x21) this.#place = "extension"
      else this.ended = true
    } else if (this.#place === "extension" || this.#place === "codeSize") {
      this.#place = "data"
    } else if (byte === 0) this.#place = "block"
    else this.#skip = byte
  }
}
