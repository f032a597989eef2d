import { Stream } from "effect"
import type { FfmpegMissing } from "../../src/core/errors.ts"
import type { Ffmpeg, FfmpegError, FfmpegInput } from "../../src/source/ffmpeg.ts"
import { sampleRateHz } from "./audio-media.ts"

/** The sound of one stream of a container, and ffmpeg to decode it. */
export interface SoundStream {
  readonly ffmpeg: Ffmpeg["Service"]
  readonly input: FfmpegInput
  /** Index in the container. */
  readonly index: number
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

const floats = (bytes: Uint8Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> => {
  if (littleEndian) return new Float32Array(bytes.buffer, 0, length).slice()
  const view = new DataView(bytes.buffer)
  return Float32Array.from({ length }, (_, i) => view.getFloat32(i * 4, true))
}

/** Collects bytes into pieces of a second of float32 samples; what is left at the end comes as a shorter piece. */
const seconds = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Float32Array<ArrayBuffer>, E, R> =>
  Stream.suspend(() => {
    const piece = new Uint8Array(sampleRateHz * 4)
    let filled = 0
    const push = (chunk: Uint8Array): ReadonlyArray<Float32Array<ArrayBuffer>> => {
      const out: Array<Float32Array<ArrayBuffer>> = []
      for (let at = 0; at < chunk.length;) {
        const taken = Math.min(piece.length - filled, chunk.length - at)
        piece.set(chunk.subarray(at, at + taken), filled)
        filled += taken
        at += taken
        if (filled === piece.length) {
          out.push(floats(piece, sampleRateHz))
          filled = 0
        }
      }
      return out
    }
    const rest = Stream.suspend(() => (filled >= 4 ? Stream.succeed(floats(piece, Math.floor(filled / 4))) : Stream.empty))
    return Stream.concat(
      bytes.pipe(
        Stream.rechunk(1),
        Stream.flatMap((chunk) => Stream.fromIterable(push(chunk)))
      ),
      rest
    ).pipe(Stream.rechunk(1))
  })

/** All its sound, mono at 16 kHz, a second a pull: exactly what `ffmpeg -i F -vn -ac 1 -ar 16000 -f f32le -` writes. */
export const decodeSound = ({ ffmpeg, index, input }: SoundStream): Stream.Stream<Float32Array<ArrayBuffer>, FfmpegMissing | FfmpegError> =>
  seconds(ffmpeg.stream({ stage: "encode", input, output: ["-map", `0:${index}`, "-vn", "-ac", "1", "-ar", String(sampleRateHz), "-f", "f32le", "pipe:1"] }))
