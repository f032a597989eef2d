import { beforeAll, expect } from "@effect/vitest"
import { Effect, type Scope, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { modality } from "../../../modalities/video/modality.ts"
import { VideoMedia } from "../../../modalities/video/video-media.ts"
import type { MediaRef, Source } from "../../../src/core/source.ts"
import { Ffmpeg } from "../../../src/source/ffmpeg.ts"
import { openSource } from "../../../src/source/open-source.ts"
import { makeClip, testFolder } from "../../source/temporary-folder.ts"

/** A moving test picture, as arguments of ffmpeg. */
export const film = (seconds: number, rate = "30", size = "160x120"): ReadonlyArray<string> => [
  "-f",
  "lavfi",
  "-i",
  `testsrc2=s=${size}:r=${rate}:d=${seconds}`
]

/** A tone. */
export const tone = (seconds: number): ReadonlyArray<string> => ["-f", "lavfi", "-i", `sine=d=${seconds}`]

/** How pictures are coded, where nothing else is said. */
export const h264: ReadonlyArray<string> = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"]

/** Films, what ffmpeg makes them of, and what is known of them: width, height, frames a second. */
export const films: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, width: number, height: number, rate: number]> = [
  ["ntsc.mp4", [...film(2, "30000/1001"), ...tone(3), ...h264, "-c:a", "aac"], 160, 120, 30_000 / 1001],
  ["front.mp4", [...film(2), ...h264, "-movflags", "+faststart"], 160, 120, 30],
  ["fragments.mp4", [...film(2), ...h264, "-movflags", "frag_keyframe+empty_moov"], 160, 120, 30],
  ["open-gop.mp4", [...film(6), ...h264, "-g", "30", "-x264-params", "open-gop=1:bframes=3"], 160, 120, 30],
  ["intra-refresh.mp4", [...film(6), ...h264, "-g", "30", "-x264-params", "intra-refresh=1"], 160, 120, 30],
  ["hevc.mp4", [...film(3), "-pix_fmt", "yuv420p", "-c:v", "libx265", "-x265-params", "log-level=error:keyint=30:open-gop=1"], 160, 120, 30],
  ["vp8.webm", [...film(3), "-pix_fmt", "yuv420p", "-c:v", "libvpx", "-g", "30", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "100k"], 160, 120, 30],
  ["vp9.webm", [...film(2), ...tone(1), "-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-b:v", "100k", "-c:a", "libopus"], 160, 120, 30],
  ["lossless.mkv", [...film(2, "25"), "-c:v", "ffv1", "-pix_fmt", "bgr0"], 160, 120, 25],
  ["variable.mkv", [...film(4), "-vf", "select='not(mod(n\\,3))+lt(n\\,30)'", "-fps_mode", "vfr", ...h264], 160, 120, 30],
  ["mpeg4.avi", [...film(2), "-c:v", "mpeg4", "-bf", "2"], 160, 120, 30],
  ["mpeg2.ts", [...film(2), ...tone(2), "-c:v", "mpeg2video", "-c:a", "mp2"], 160, 120, 30],
  ["mpeg2.mpg", [...film(2), "-c:v", "mpeg2video", "-f", "mpeg"], 160, 120, 30],
  ["theora.ogv", [...film(2), "-pix_fmt", "yuv420p", "-c:v", "libtheora"], 160, 120, 30],
  ["pixels.mp4", [...film(1), "-vf", "setsar=2/1", ...h264], 160, 120, 30],
  ["moving.gif", [...film(2, "10")], 160, 120, 10],
  ["moving.png", [...film(1, "10"), "-f", "apng"], 160, 120, 10],
  ["odd.mkv", [...film(1), "-vf", "scale=161:121", "-c:v", "ffv1", "-pix_fmt", "bgr0"], 161, 121, 30],
  ["ten-bit.mp4", [...film(1), "-pix_fmt", "yuv420p10le", "-c:v", "libx264"], 160, 120, 30],
  [
    "full-range.mp4",
    [...film(1), "-vf", "scale=out_color_matrix=bt709:out_range=pc", "-pix_fmt", "yuvj420p", "-colorspace", "bt709", "-color_range", "pc", "-c:v", "libx264"],
    160,
    120,
    30
  ],
  ["grey.mkv", [...film(1), "-c:v", "ffv1", "-pix_fmt", "gray"], 160, 120, 30],
  ["one.mp4", [...film(1), "-frames:v", "1", ...h264], 160, 120, 30]
]

const turned = (from: string, by: number) => (path: (name: string) => string) => ["-i", path(from), "-c", "copy", "-metadata:s:v", `rotate=${by}`]

/** Other clips, by what makes them; one may be made of those before it. */
const others: Readonly<Record<string, (path: (name: string) => string) => ReadonlyArray<string>>> = {
  "long.mp4": () => [...film(60, "30", "320x240"), ...h264, "-g", "60"],
  // A copy that begins between two key frames: its edit list hides the frames before.
  "cut.mp4": (path) => ["-ss", "1.2", "-i", path("long.mp4"), "-t", "3", "-c", "copy"],
  "turned.mp4": turned("front.mp4", 90),
  "upside-down.mp4": turned("front.mp4", 180),
  "sound.mp4": () => [...tone(2), "-c:a", "aac"],
  "cover.png": () => [...film(1), "-frames:v", "1"],
  "cover.mp3": (path) => [...tone(1), "-i", path("cover.png"), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"],
  "both.mp4": () => [...film(2), ...tone(2), ...h264, "-c:a", "aac"],
  "short-sound.mp4": () => [...film(3), ...tone(1), ...h264, "-c:a", "aac"],
  // All the pictures, then all the sound.
  "apart.mp4": () => [...film(3), ...tone(3), ...h264, "-c:a", "aac", "-max_interleave_delta", "1", "-movflags", "+faststart"],
  "ten-hours.mp4": () => ["-f", "lavfi", "-i", "color=s=64x64:r=1:d=36000", ...h264, "-preset", "ultrafast"],
  "first.ts": () => [...film(1, "30", "320x240"), ...h264],
  "second.ts": () => [...film(1), ...h264],
  "resized.mkv": (path) => {
    // Two recordings, one after the other, the second smaller.
    writeFileSync(path("resized.ts"), Buffer.concat([readFileSync(path("first.ts")), readFileSync(path("second.ts"))]))
    return ["-i", path("resized.ts"), "-c", "copy"]
  },
  "resized-turned.mp4": turned("resized.mkv", 90)
}

/** Names of every clip there is. */
export const allClips: ReadonlyArray<string> = [...films.map(([name]) => name), ...Object.keys(others)]

/** Makes the named clips before the tests of a file, in a folder that goes after them; also `alone/ffmpeg`, an ffmpeg without its ffprobe. */
export const clipFolder = (names: ReadonlyArray<string>) => {
  const { path, temporaries } = testFolder()
  beforeAll(async () => {
    for (const [name, args] of films) if (names.includes(name)) await makeClip(path(name), ...args)
    for (const [name, args] of Object.entries(others)) if (names.includes(name)) await makeClip(path(name), ...args(path))
    mkdirSync(path("alone"))
    symlinkSync(execFileSync("sh", ["-c", "command -v ffmpeg"], { encoding: "utf8" }).trim(), path("alone/ffmpeg"))
  }, 180_000)
  return {
    path,
    temporaries,
    file: (name: string): Source => ({ _tag: "Path", path: path(name) }),
    /** Runs with ffmpeg, and closes what was opened. */
    withFfmpeg: <A, E>(effect: Effect.Effect<A, E, Ffmpeg | Scope.Scope>, alone = false): Effect.Effect<A, E> =>
      Effect.provide(Effect.scoped(effect), Ffmpeg.layer(alone ? { path: path("alone/ffmpeg") } : {}))
  }
}

/** Opens a source as a clip. */
export const opening = Effect.fnUntraced(function* (source: Source, options: MediaRef["options"] = { sound: false }) {
  const media = yield* modality.open(yield* openSource(source), options)
  if (!(media instanceof VideoMedia)) return yield* Effect.die("no VideoMedia")
  return media
})

/** MD5 of a frame's bytes. */
export const digest = (data: Uint8Array): string => createHash("md5").update(data).digest("hex")

/** Reads the picked frames and compares each with the whole film decoded by ffmpeg. */
export const sameFrames = Effect.fnUntraced(function* (media: VideoMedia, reference: Buffer, indices: ReadonlyArray<number>, first = 0) {
  const size = media.width * media.height * 3
  const seen: Array<number> = []
  yield* Stream.runForEach(media.frames(indices), (frame) =>
    Effect.sync(() => {
      seen.push(frame.index)
      expect(frame.data.length).toBe(size)
      expect(digest(frame.data), `frame ${frame.index}`).toBe(digest(reference.subarray((first + frame.index) * size, (first + frame.index + 1) * size)))
    })
  )
  expect(seen).toStrictEqual([...indices])
})

/** Every `step`th number below `count`. */
export const range = (count: number, step = 1): Array<number> => Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step)
