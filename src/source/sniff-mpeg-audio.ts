import type { SourceKind } from "./sniff.ts"

const bitratesV1: ReadonlyArray<ReadonlyArray<number>> = [
  [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
]
const bitratesV2: ReadonlyArray<ReadonlyArray<number>> = [
  [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
]
const sampleRates = [44_100, 48_000, 32_000]

/** Bytes of the MPEG audio frame (ISO 11172-3, 13818-3) that begins at `at`; 0 when none does. */
const mpegFrameBytes = (head: Uint8Array, at: number): number => {
  if (at + 4 > head.length || head[at] !== 0xff || (head[at + 1] & 0xe0) !== 0xe0) return 0
  const version = (head[at + 1] >> 3) & 3
  const layer = 4 - ((head[at + 1] >> 1) & 3)
  const rateIndex = (head[at + 2] >> 2) & 3
  const bitrateIndex = head[at + 2] >> 4
  if (version === 1 || layer === 4 || rateIndex === 3 || bitrateIndex === 0 || bitrateIndex === 15) return 0
  const first = version === 3
  const bitrate = (first ? bitratesV1 : bitratesV2)[layer - 1][bitrateIndex - 1] * 1000
  const sampleRate = sampleRates[rateIndex] / (first ? 1 : version === 2 ? 2 : 4)
  const padding = (head[at + 2] >> 1) & 1
  if (layer === 1) return (Math.floor((12 * bitrate) / sampleRate) + padding) * 4
  return Math.floor(((layer === 3 && !first ? 72 : 144) * bitrate) / sampleRate) + padding
}

/** Bytes of the AAC frame in ADTS (ISO 13818-7) that begins at `at`; 0 when none does. */
const adtsFrameBytes = (head: Uint8Array, at: number): number => {
  if (at + 7 > head.length || head[at] !== 0xff || (head[at + 1] & 0xf6) !== 0xf0) return 0
  if (((head[at + 2] >> 2) & 15) > 12) return 0
  const bytes = ((head[at + 3] & 3) << 11) | (head[at + 4] << 3) | (head[at + 5] >> 5)
  return bytes < 7 ? 0 : bytes
}

/** Frames that follow one another from `at`, up to three; a file's end counts as a fit. */
const follows = (head: Uint8Array, at: number, frameBytes: (head: Uint8Array, at: number) => number): boolean => {
  let place = at
  for (let frame = 0; frame < 3; frame++) {
    const bytes = frameBytes(head, place)
    if (bytes === 0) return frame > 0 && place + 7 >= head.length
    place += bytes
  }
  return true
}

/** Bytes of the ID3v2 tag that begins at `at`; 0 when none does. */
const id3Bytes = (head: Uint8Array, at: number): number =>
  at + 10 <= head.length && head[at] === 0x49 && head[at + 1] === 0x44 && head[at + 2] === 0x33
    ? 10 + ((head[at + 6] << 21) | (head[at + 7] << 14) | (head[at + 8] << 7) | head[at + 9])
    : 0

const mp3: SourceKind = { _tag: "Container", format: "mp3", what: "an MP3 file", demuxer: "mp3" }
const aac: SourceKind = { _tag: "Container", format: "aac", what: "an AAC file", demuxer: "aac" }
const flac: SourceKind = { _tag: "Container", format: "flac", what: "a FLAC file", demuxer: "flac" }

/** MPEG audio and AAC have no signature but frames that follow one another, after tags; nothing when there are none. */
export const sniffMpegAudio = (head: Uint8Array): SourceKind | undefined => {
  let at = 0
  for (let tag = id3Bytes(head, at); tag > 0 && at < head.length; tag = id3Bytes(head, at)) at += tag
  // A tag with a large picture reaches past the head: nearly always an MP3.
  if (at > 0 && at + 8 > head.length) return mp3
  if (at > 0 && String.fromCharCode(...head.subarray(at, at + 4)) === "fLaC") return flac
  if (follows(head, at, adtsFrameBytes)) return aac
  // Some writers leave zeros after the tag or before the first frame.
  let padded = at
  while (padded < head.length && head[padded] === 0) padded++
  if (padded < head.length && follows(head, padded, mpegFrameBytes)) return mp3
  return at > 0 ? mp3 : undefined
}
