/** What a wav's samples are, as its header says. */
export interface WavHeader {
  readonly encoding: "integer" | "float"
  /** Bits of a sample: integer 8 (unsigned), 16, 24, 32; float 32, 64. */
  readonly bits: 8 | 16 | 24 | 32 | 64
  readonly channels: number
  readonly sampleRateHz: number
  /** First byte of the samples. */
  readonly dataOffset: number
  /** Bytes of whole frames of samples: no more than the file holds, whatever the header promises. */
  readonly dataBytes: number
}

const pcm = 1,
  ieeeFloat = 3,
  extensible = 0xfffe

/** The tail of the identifiers that stand for plain formats in an extensible header. */
const plainFormat = "000000001000800000aa00389b71"

const encodingOf = (tag: number, bits: number): WavHeader["encoding"] | undefined =>
  tag === pcm && [8, 16, 24, 32].includes(bits) ? "integer" : tag === ieeeFloat && [32, 64].includes(bits) ? "float" : undefined

const isBits = (bits: number): bits is WavHeader["bits"] => [8, 16, 24, 32, 64].includes(bits)

/**
 * Reads a RIFF wav's header from the file's first bytes. Undefined where the samples are not plain, or do not begin within `head`: those are
 * left to ffmpeg. A length of 0 or 0xFFFFFFFF (written by programs that could not seek), or one beyond the file, means: to the file's end.
 */
export const readWavHeader = (head: Uint8Array, fileSize: number): WavHeader | undefined => {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const word = (at: number): string => String.fromCharCode(...head.subarray(at, at + 4))
  if (head.length < 12 || word(0) !== "RIFF" || word(8) !== "WAVE") return undefined
  let format: (Omit<WavHeader, "dataOffset" | "dataBytes"> & { readonly frameBytes: number }) | undefined
  for (let at = 12; at + 8 <= head.length;) {
    const length = view.getUint32(at + 4, true)
    const body = at + 8
    if (word(at) === "fmt ") {
      if (length < 16 || body + length > head.length) return undefined
      const long = view.getUint16(body, true) === extensible && length >= 40
      const tail = Array.from(head.subarray(body + 26, body + 40), (byte) => byte.toString(16).padStart(2, "0")).join("")
      if (long && tail !== plainFormat) return undefined
      const bits = view.getUint16(body + 14, true)
      const channels = view.getUint16(body + 2, true)
      const encoding = encodingOf(view.getUint16(long ? body + 24 : body, true), bits)
      const frameBytes = view.getUint16(body + 12, true)
      if (encoding === undefined || !isBits(bits) || channels < 1 || frameBytes !== (channels * bits) / 8) return undefined
      format = { encoding, bits, channels, sampleRateHz: view.getUint32(body + 4, true), frameBytes }
    } else if (word(at) === "data") {
      if (format === undefined) return undefined
      const { frameBytes, ...rest } = format
      const held = Math.max(0, fileSize - body)
      const promised = length === 0 || length === 0xffffffff ? held : Math.min(length, held)
      return { ...rest, dataOffset: body, dataBytes: promised - (promised % frameBytes) }
    }
    at = body + length + (length % 2)
  }
  return undefined
}
