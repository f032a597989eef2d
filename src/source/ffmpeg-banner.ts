import { type ProbedStream, turned } from "./stream-info.ts"

const clock = (text: string): number => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0)

/**
 * Reads what `ffmpeg -i` prints of its input at log level info; nothing when no input was opened. The frame rate there has two digits, so
 * `frameRate` is absent. Written against libavformat/dump.c.
 */
export const readBanner = (said: string): { readonly streams: ReadonlyArray<ProbedStream>; readonly durationSeconds: number | undefined } | undefined => {
  if (!/^Input #0,/m.test(said)) return undefined
  const streams: Array<ProbedStream> = []
  // A stream's line, and the lines below it up to the next.
  for (const block of said
    .slice(said.search(/^Input #0,/m))
    .split(/^ {2}Stream #0:/m)
    .slice(1)) {
    const line = block.split("\n", 1)[0]
    const head = /^(\d+)[^:]*(?:\([\w-]+\))?: (Video|Audio): ([\w-]+)/.exec(line)
    if (head === null) continue
    const [, index, kind, codec] = head
    const isDefault = line.includes("(default)")
    if (kind === "Audio") {
      const layout = / Hz, ([^,]+)/.exec(line)?.[1] ?? "mono"
      const channels = /^(\d+) channels/.exec(layout)?.[1] ?? channelsOf[layout.replace(/\(.*/, "")] ?? 1
      streams.push({
        kind: "audio",
        isDefault,
        info: { index: Number(index), codec, sampleRateHz: Number(/, (\d+) Hz/.exec(line)?.[1] ?? 0), channels: Number(channels) }
      })
    } else if (!line.includes("(attached pic)") && !line.includes("(still image)")) {
      const rotation = Number(/rotation of (-?[\d.]+) degrees/.exec(block)?.[1] ?? 0)
      const size = /, (\d+)x(\d+)/.exec(line)
      const roundedFrameRate = Number(/, ([\d.]+) fps/.exec(line)?.[1] ?? 0)
      streams.push({
        kind: "video",
        isDefault,
        info: { index: Number(index), codec, rotation, roundedFrameRate, ...turned(Number(size?.[1] ?? 0), Number(size?.[2] ?? 0), rotation) }
      })
    }
  }
  const duration = /^ {2}Duration: ([\d:.]+)/m.exec(said)?.[1]
  return { streams, durationSeconds: duration === undefined ? undefined : clock(duration) }
}

/** Channels of the layouts that ffmpeg names. */
const channelsOf: Readonly<Record<string, number>> = {
  mono: 1,
  stereo: 2,
  "2.1": 3,
  "3.0": 3,
  "4.0": 4,
  quad: 4,
  "5.0": 5,
  "5.1": 6,
  "6.1": 7,
  "7.1": 8,
  downmix: 2
}
