import type { WavHeader } from "./wav-header.ts"

/** ffmpeg's weight of each channel of two when it makes one of them (libswresample, float): the square root of a half, not the half. */
const half = Math.fround(Math.SQRT1_2)

/**
 * Mono float32 from bytes of whole frames, bit for bit as `ffmpeg -ac 1 -f f32le` makes them (measured on ffmpeg 5.1, 8 to 32 bits and float). One or
 * two channels.
 */
export const monoSamples = (bytes: Uint8Array, { bits, channels, encoding }: Pick<WavHeader, "bits" | "channels" | "encoding">): Float32Array<ArrayBuffer> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = bits / 8
  const read: (at: number) => number =
    encoding === "float"
      ? bits === 32
        ? (at) => view.getFloat32(at, true)
        : (at) => Math.fround(view.getFloat64(at, true))
      : bits === 8
        ? (at) => (view.getUint8(at) - 128) / 128
        : bits === 16
          ? (at) => view.getInt16(at, true) / 32768
          : bits === 24
            ? (at) => (view.getUint8(at) | (view.getInt16(at + 1, true) << 8)) / 8388608
            : (at) => Math.fround(view.getInt32(at, true) / 2147483648)
  const count = Math.floor(bytes.length / (size * channels))
  const out = new Float32Array(count)
  if (channels === 1) for (let i = 0; i < count; i++) out[i] = read(i * size)
  else for (let i = 0; i < count; i++) out[i] = Math.fround(read(2 * i * size) * half) + Math.fround(read((2 * i + 1) * size) * half)
  return out
}
