/** What a test's wav is like. */
export interface WavSpec {
  readonly bits: 8 | 16 | 24 | 32 | 64
  readonly float?: boolean
  readonly channels?: number
  readonly rateHz?: number
  readonly extensible?: boolean
  /** Length that the header gives the samples, where it lies. Bytes. */
  readonly promised?: number
}

/** A wav around bytes of samples. */
export const makeWav = (samples: Uint8Array, { bits, channels = 1, extensible = false, float = false, promised, rateHz = 16000 }: WavSpec): Uint8Array => {
  const format = Buffer.alloc(extensible ? 40 : 16)
  const tag = float ? 3 : 1
  format.writeUInt16LE(extensible ? 0xfffe : tag, 0)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(rateHz, 4)
  format.writeUInt32LE((rateHz * channels * bits) / 8, 8)
  format.writeUInt16LE((channels * bits) / 8, 12)
  format.writeUInt16LE(bits, 14)
  if (extensible) {
    format.writeUInt16LE(22, 16)
    format.writeUInt16LE(bits, 18)
    format.writeUInt32LE(channels === 2 ? 3 : channels === 6 ? 0x3f : 4, 20)
    format.writeUInt16LE(tag, 24)
    Buffer.from("000000001000800000aa00389b71", "hex").copy(format, 26)
  }
  const length = (bytes: number): Buffer => {
    const four = Buffer.alloc(4)
    four.writeUInt32LE(bytes >>> 0)
    return four
  }
  return Buffer.concat([
    Buffer.from("RIFF"),
    length(4 + 8 + format.length + 8 + samples.length),
    Buffer.from("WAVEfmt "),
    length(format.length),
    format,
    Buffer.from("data"),
    length(promised ?? samples.length),
    samples
  ])
}

/** Bytes that look like noise, the same each time. */
export const noise = (bytes: number, seed = 1): Uint8Array => {
  let x = seed
  return Uint8Array.from({ length: bytes }, () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x & 255
  })
}

/** float32 samples of a tone with some noise. */
export const tone = (samples: number): Float32Array => Float32Array.from({ length: samples }, (_, i) => 0.4 * Math.sin(i * 0.05) + 0.2 * Math.sin(i * i * 1e-5))

export const bytesOf = (array: Float32Array | Float64Array | Int16Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
