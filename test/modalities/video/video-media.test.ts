import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { Readable } from "node:stream"
import { modality } from "../../../modalities/video/modality.ts"
import { VideoMedia } from "../../../modalities/video/video-media.ts"
import type { EncodeError } from "../../../src/core/errors.ts"
import type { MediaRef, Source } from "../../../src/core/source.ts"
import { Ffmpeg } from "../../../src/source/ffmpeg.ts"
import { openSource } from "../../../src/source/open-source.ts"
import { CurrentSourceLimits, defaultSourceLimits } from "../../../src/source/source-limits.ts"
import { children, makeClip, openFiles, referenceFrames, testFolder } from "../../source/temporary-folder.ts"

const { path, temporaries } = testFolder()
const film = (seconds: number, rate = "30", size = "160x120"): ReadonlyArray<string> => ["-f", "lavfi", "-i", `testsrc2=s=${size}:r=${rate}:d=${seconds}`]
const tone = (seconds: number): ReadonlyArray<string> => ["-f", "lavfi", "-i", `sine=d=${seconds}`]
const h264 = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"]

const withFfmpeg = <A, E>(effect: Effect.Effect<A, E, Ffmpeg>, alone = false): Effect.Effect<A, E> =>
  Effect.provide(effect, Ffmpeg.layer(alone ? { path: path("alone/ffmpeg") } : {}))

const opening = Effect.fnUntraced(function*(source: Source, options: MediaRef["options"] = { sound: false }) {
  const media = yield* modality.open(yield* openSource(source), options)
  if (!(media instanceof VideoMedia)) return yield* Effect.die("no VideoMedia")
  return media
})
const file = (name: string): Source => ({ _tag: "Path", path: path(name) })
const digest = (data: Uint8Array): string => createHash("md5").update(data).digest("hex")

/** Reads the picked frames and compares each with the whole film decoded by ffmpeg. */
const sameFrames = Effect.fnUntraced(function*(media: VideoMedia, reference: Buffer, indices: ReadonlyArray<number>, first = 0) {
  const size = media.width * media.height * 3
  const seen: Array<number> = []
  yield* Stream.runForEach(media.frames(indices), (frame) => Effect.sync(() => {
    seen.push(frame.index)
    expect(frame.data.length).toBe(size)
    expect(digest(frame.data), `frame ${frame.index}`).toBe(digest(reference.subarray((first + frame.index) * size, (first + frame.index + 1) * size)))
  }))
  expect(seen).toStrictEqual([...indices])
})

const range = (count: number, step = 1): Array<number> => Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step)

/** Films, what ffmpeg makes them of, and what is known of them: width, height, frames a second. */
const films: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, width: number, height: number, rate: number]> = [
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
  ["full-range.mp4", [...film(1), "-vf", "scale=out_color_matrix=bt709:out_range=pc", "-pix_fmt", "yuvj420p", "-colorspace", "bt709", "-color_range", "pc", "-c:v", "libx264"], 160, 120, 30],
  ["grey.mkv", [...film(1), "-c:v", "ffv1", "-pix_fmt", "gray"], 160, 120, 30],
  ["one.mp4", [...film(1), "-frames:v", "1", ...h264], 160, 120, 30]
]

beforeAll(async () => {
  for (const [name, args] of films) await makeClip(path(name), ...args)
  await makeClip(path("long.mp4"), ...film(60, "30", "320x240"), ...h264, "-g", "60")
  // A copy that begins between two key frames: its edit list hides the frames before.
  await makeClip(path("cut.mp4"), "-ss", "1.2", "-i", path("long.mp4"), "-t", "3", "-c", "copy")
  await makeClip(path("turned.mp4"), "-i", path("front.mp4"), "-c", "copy", "-metadata:s:v", "rotate=90")
  await makeClip(path("upside-down.mp4"), "-i", path("front.mp4"), "-c", "copy", "-metadata:s:v", "rotate=180")
  await makeClip(path("sound.mp4"), ...tone(2), "-c:a", "aac")
  await makeClip(path("cover.png"), ...film(1), "-frames:v", "1")
  await makeClip(path("cover.mp3"), ...tone(1), "-i", path("cover.png"), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
  await makeClip(path("both.mp4"), ...film(2), ...tone(2), ...h264, "-c:a", "aac")
  await makeClip(path("short-sound.mp4"), ...film(3), ...tone(1), ...h264, "-c:a", "aac")
  // All the pictures, then all the sound.
  await makeClip(path("apart.mp4"), ...film(3), ...tone(3), ...h264, "-c:a", "aac", "-max_interleave_delta", "1", "-movflags", "+faststart")
  await makeClip(path("ten-hours.mp4"), "-f", "lavfi", "-i", "color=s=64x64:r=1:d=36000", ...h264, "-preset", "ultrafast")
  // Two recordings, one after the other, the second smaller.
  await makeClip(path("first.ts"), ...film(1, "30", "320x240"), ...h264)
  await makeClip(path("second.ts"), ...film(1), ...h264)
  writeFileSync(path("resized.ts"), Buffer.concat([readFileSync(path("first.ts")), readFileSync(path("second.ts"))]))
  await makeClip(path("resized.mkv"), "-i", path("resized.ts"), "-c", "copy")
  await makeClip(path("resized-turned.mp4"), "-i", path("resized.mkv"), "-c", "copy", "-metadata:s:v", "rotate=90")
  mkdirSync(path("alone"))
  symlinkSync(execFileSync("sh", ["-c", "command -v ffmpeg"], { encoding: "utf8" }).trim(), path("alone/ffmpeg"))
}, 180_000)

describe("frames are those of a whole decode", () => {
  for (const [name, , width, height, rate] of films) {
    it.live(name, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(file(name))
      const reference = referenceFrames(path(name))
      const { atSeconds, frameCount, frameRate } = yield* media.timeline
      expect([media.width, media.height]).toStrictEqual([width, height])
      expect(frameCount).toBe(reference.length / (width * height * 3))
      expect(Math.abs(frameRate - rate)).toBeLessThan(1e-9)
      expect(atSeconds(0)).toBe(0)
      expect(Math.abs(media.durationSeconds - (media.durationSeconds === 0 ? 0 : atSeconds(frameCount - 1)))).toBeLessThan(1.2)
      yield* sameFrames(media, reference, range(frameCount))
      yield* sameFrames(media, reference, range(frameCount, 7))
      yield* sameFrames(media, reference, [frameCount - 1])
    }))))
  }

  for (const name of ["ntsc.mp4", "open-gop.mp4", "vp8.webm", "variable.mkv", "moving.gif", "mpeg2.ts", "cut.mp4", "turned.mp4"]) {
    it.live(`${name}, by ffmpeg alone, where there is no ffprobe`, () => Effect.gen(function*() {
      const timelineOf = Effect.scoped(Effect.flatMap(opening(file(name)), ({ timeline }) => timeline))
      const known = yield* withFfmpeg(timelineOf)
      const { frameCount, frameRate } = yield* withFfmpeg(timelineOf, true)
      expect(frameCount).toBe(known.frameCount)
      expect(Math.abs(frameRate - known.frameRate)).toBeLessThan(1e-9)
      yield* withFfmpeg(Effect.scoped(Effect.flatMap(opening(file(name)), (media) => sameFrames(media, referenceFrames(path(name)), range(frameCount, 5)))), true)
    }))
  }
})

describe("frames far apart", () => {
  it.live("are sought, and are the same", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("long.mp4"))
    const reference = referenceFrames(path("long.mp4"))
    for (const indices of [[0, 1799], [1799], [899, 900, 901], [0, 0, 500, 500, 1200], [59, 60, 61, 1259, 1260, 1261]]) yield* sameFrames(media, reference, indices)
  }))))

  it.live("are the same from every kind of file that is sought in", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    // Large frames, so that it pays to seek in short files.
    for (const [name, args] of [["h.mp4", h264], ["o.mp4", [...h264, "-x264-params", "open-gop=1"]], ["i.mp4", [...h264, "-x264-params", "intra-refresh=1"]], ["m.mkv", h264]] as const) {
      yield* Effect.promise(() => makeClip(path(name), ...film(6, "30", "640x480"), ...args, "-g", "30"))
      const media = yield* opening(file(name))
      yield* sameFrames(media, referenceFrames(path(name)), [0, 1, 110, 175, 176])
    }
  }))))

  const picks = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1799 })))
  it.live.prop("any picks", [picks], ([values]) => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("long.mp4"))
    const indices = [...values].sort((a, b) => a - b)
    const size = 320 * 240 * 3
    longReference ??= referenceFrames(path("long.mp4"))
    const read = yield* Stream.runCollect(media.frames(indices))
    expect(read.map(({ index }) => index)).toStrictEqual(indices)
    for (const { data, index } of read) expect(digest(data)).toBe(digest(longReference.subarray(index * size, (index + 1) * size)))
    return true
  }))), { arbitrary: { runs: 15 } })
  let longReference: Buffer | undefined
})

describe("a clip", () => {
  it.live("that begins inside a group of pictures shows what its edit list shows", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("cut.mp4"))
    const reference = referenceFrames(path("cut.mp4"))
    const { frameCount } = yield* media.timeline
    expect(frameCount).toBe(reference.length / (320 * 240 * 3))
    yield* sameFrames(media, reference, range(frameCount))
  }))))

  for (const [name, width, height] of [["turned.mp4", 120, 160], ["upside-down.mp4", 160, 120]] as const) {
    it.live(`${name} is turned as it says`, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(file(name))
      expect([media.width, media.height]).toStrictEqual([width, height])
      yield* sameFrames(media, referenceFrames(path(name)), range(60, 9))
    }))))
  }

  it.live("has its sound as a track, unless it is not wanted", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const heard = yield* opening(file("both.mp4"), {})
    expect(heard.hasSound).toBe(true)
    expect(heard.tracks.map(({ modality }) => modality)).toStrictEqual(["audio"])
    const silent = yield* opening(file("both.mp4"), { sound: false })
    expect(silent.hasSound).toBe(true)
    expect(silent.tracks).toStrictEqual([])
    const mute = yield* opening(file("front.mp4"), {})
    expect(mute.hasSound).toBe(false)
    expect(mute.tracks).toStrictEqual([])
  }))))

  for (const name of ["ntsc.mp4", "short-sound.mp4", "apart.mp4"]) {
    it.live(`${name}: sound longer, shorter or apart does not move its frames`, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(file(name), {})
      const reference = referenceFrames(path(name))
      const { frameCount } = yield* media.timeline
      expect(frameCount).toBe(reference.length / (160 * 120 * 3))
      yield* sameFrames(media, reference, range(frameCount, 11))
      expect(media.tracks.length).toBe(1)
    }))))
  }

  it.live("of ten hours is counted without being decoded", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("ten-hours.mp4"))
    expect(media.durationSeconds).toBe(36_000)
    expect(media.estimatedFrames).toBe(36_000)
    const { atSeconds, frameCount } = yield* media.timeline
    expect(frameCount).toBe(36_000)
    expect(atSeconds(35_999)).toBe(35_999)
    expect((yield* Stream.runCollect(media.frames([35_999]))).length).toBe(1)
  }))))

  it.live("keeps the times of frames that come unevenly", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const { atSeconds, frameCount } = yield* (yield* opening(file("variable.mkv"))).timeline
    // Every frame of the first second, then every third: to a thousandth, as Matroska keeps it.
    expect(frameCount).toBe(30 + 30)
    for (const [frame, seconds] of [[1, 1 / 30], [29, 29 / 30], [30, 1], [31, 1.1], [59, 3.9]]) expect(Math.abs(atSeconds(frame) - seconds)).toBeLessThan(0.001_1)
  }))))

  for (const [name, alone] of [["resized.ts", false], ["resized.ts", true], ["resized.mkv", false], ["resized.mkv", true], ["resized-turned.mp4", false], ["resized-turned.mp4", true]] as const) {
    it.live(`${name}${alone ? ", by ffmpeg alone" : ""}: frames that change their size midway are scaled to the first`, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(file(name))
      const reference = referenceFrames(path(name))
      const { frameCount } = yield* media.timeline
      expect(frameCount).toBe(60)
      for (const indices of [range(60), [5, 40], [10, 29, 30, 45, 59], [59]]) yield* sameFrames(media, reference, indices)
    })), alone))
  }

  it.live("from bytes and from a byte stream is the same clip", () => withFfmpeg(Effect.gen(function*() {
    const bytes = new Uint8Array(readFileSync(path("ntsc.mp4")))
    const reference = referenceFrames(path("ntsc.mp4"))
    const sources: ReadonlyArray<Source> = [
      { _tag: "Bytes", bytes },
      { _tag: "ByteStream", bytes: Stream.fromAsyncIterable(Readable.from([Buffer.from(bytes.subarray(0, 1000)), Buffer.from(bytes.subarray(1000))]), () => { throw new Error("never") }) }
    ]
    const ids = yield* Effect.forEach(sources, (source) => Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(source)
      yield* sameFrames(media, reference, [0, 30, 59])
      return media.contentId
    })))
    expect(ids[0]).toBe(ids[1])
    expect(temporaries()).toStrictEqual([])
  })))

  it.live("can be read twice, and at the same time", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("ntsc.mp4"))
    const reference = referenceFrames(path("ntsc.mp4"))
    yield* Effect.all([sameFrames(media, reference, [0, 20]), sameFrames(media, reference, [5, 59])], { concurrency: 2 })
  }))))

  it.live("gives a repeated frame as copies of its own", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("one.mp4"))
    const [one, two] = yield* Stream.runCollect(media.frames([0, 0]))
    expect(one.data.buffer).not.toBe(two.data.buffer)
    expect(digest(one.data)).toBe(digest(two.data))
  }))))
})

describe("options", () => {
  it.live("start and end cut frames out", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("long.mp4"), { start: 10, end: 12, sound: false })
    const { atSeconds, frameCount } = yield* media.timeline
    // 300 to 360: the frame at the very end counts.
    expect(frameCount).toBe(61)
    expect(atSeconds(0)).toBe(0)
    expect(Math.abs(atSeconds(60) - 2)).toBeLessThan(1e-9)
    expect(media.durationSeconds).toBe(2)
    yield* sameFrames(media, referenceFrames(path("long.mp4")), [0, 1, 60], 300)
  }))))

  const wrong: ReadonlyArray<readonly [MediaRef["options"], string]> = [
    [{ fps: 0 }, "fps"], [{ fps: -1 }, "fps"], [{ fps: Number.NaN }, "fps"], [{ fps: "2" }, "fps"], [{ fps: Number.POSITIVE_INFINITY }, "fps"],
    [{ start: -1 }, "start"], [{ start: 3, end: 2 }, "end"], [{ end: 0 }, "end"], [{ start: 100 }, "start"], [{ maxFrames: 2.5 }, "maxFrames"], [{ sound: 1 }, "sound"]
  ]
  for (const [options, option] of wrong) {
    it.live(JSON.stringify(options), () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const error = yield* Effect.flip(opening(file("front.mp4"), options))
      expect(error).toMatchObject({ _tag: "OptionInvalid", option })
    }))))
  }

  it.live("no frame between start and end", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("ten-hours.mp4"), { start: 10.2, end: 10.8 })
    expect(yield* Effect.flip(media.timeline)).toMatchObject({ _tag: "OptionInvalid", option: "end" })
  }))))

  for (const indices of [[60], [-1], [0.5], [3, 2]]) {
    it.live(`frames ${indices.join(", ")} of 60`, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      const media = yield* opening(file("front.mp4"))
      expect(yield* Effect.flip(Stream.runDrain(media.frames(indices)))).toMatchObject({ _tag: "OptionInvalid", option: "indices" })
    }))))
  }
})

describe("what is no clip", () => {
  const refused = (source: Source) => withFfmpeg(Effect.flip(Effect.scoped(Effect.flatMap(opening(source), ({ timeline }) => timeline))))
  it.live("a film without pictures", () => Effect.gen(function*() {
    const error = yield* refused(file("sound.mp4"))
    expect(error).toMatchObject({ _tag: "UnsupportedMedia", modality: "video" })
    expect(error.message).toMatch(/a film without pictures: it holds sound only/)
  }))
  it.live("a recording with a cover", () => Effect.gen(function*() {
    expect((yield* refused(file("cover.mp3"))).message).toMatch(/without pictures/)
  }))
  it.live("a picture", () => Effect.gen(function*() {
    expect((yield* refused(file("cover.png"))).message).toMatch(/is a PNG picture, not a film/)
  }))
  it.live("a text file called .mp4", () => Effect.gen(function*() {
    writeFileSync(path("text.mp4"), "dear diary\n")
    const error = yield* refused(file("text.mp4"))
    expect(error).toMatchObject({ _tag: "UnsupportedMedia" })
    expect(error.message).toMatch(/is plain text, not a film/)
  }))
  it.live("an mp4 cut off before its index", () => Effect.gen(function*() {
    copyFileSync(path("long.mp4"), path("no-index.mp4"))
    truncateSync(path("no-index.mp4"), 50_000)
    const error = yield* refused(file("no-index.mp4"))
    expect(error).toMatchObject({ _tag: "SourceUnreadable", source: "no-index.mp4" })
  }))
  for (const alone of [false, true]) {
    it.live(`an mp4 cut off after its index${alone ? ", by ffmpeg alone" : ""}`, () => Effect.gen(function*() {
      copyFileSync(path("front.mp4"), path("half.mp4"))
      truncateSync(path("half.mp4"), Math.floor(readFileSync(path("front.mp4")).length / 2))
      const error = yield* withFfmpeg(Effect.flip(Effect.scoped(Effect.flatMap(opening(file("half.mp4")), ({ timeline }) => timeline))), alone)
      expect(error._tag).toBe("SourceUnreadable")
      expect(error.message).toMatch(/it is cut off/)
      if (!alone) expect(error.message).toMatch(/of 60 frames are there/)
    }))
  }
  it.live("noise after a container's first bytes", () => Effect.gen(function*() {
    const noise = Buffer.alloc(20_000)
    for (let at = 0; at < noise.length; at++) noise[at] = at * 7919 >> 3 & 255
    for (const [name, start] of [["noise.mp4", "\0\0\0\x18ftypisom\0\0\x02\0isomiso2"], ["noise.mkv", "\x1aE\xdf\xa3"], ["noise.avi", "RIFF\0\0\0\0AVI LIST"], ["noise.gif", "GIF89a"]]) {
      writeFileSync(path(name), Buffer.concat([Buffer.from(start, "latin1"), noise]))
      const error = yield* refused(file(name))
      expect(["SourceUnreadable", "UnsupportedMedia", "FfmpegFailed"], name).toContain(error._tag)
    }
  }))
  it.live("frames beyond the bound", () => Effect.gen(function*() {
    const limits = { ...defaultSourceLimits, maxFramePixels: 10_000 }
    const error = yield* refused(file("front.mp4")).pipe(Effect.provideService(CurrentSourceLimits, limits))
    expect(error).toMatchObject({ _tag: "LimitExceeded", needed: 19_200, allowed: 10_000 })
    expect(error.message).toMatch(/160 x 120/)
  }))
  it.live("a file whose frames cannot be decoded as counted ends in an error with figures", () => Effect.gen(function*() {
    const bytes = readFileSync(path("front.mp4"))
    // The pictures' bytes are gone, the index is whole.
    bytes.fill(0, bytes.indexOf("mdat") + 8)
    writeFileSync(path("hollow.mp4"), bytes)
    const error: EncodeError = yield* withFfmpeg(Effect.flip(Effect.scoped(Effect.flatMap(opening(file("hollow.mp4")), (media) => Stream.runDrain(media.frames([0, 10, 59]))))))
    expect(["RowsDiffer", "SourceUnreadable"]).toContain(error._tag)
    expect(error.message).toMatch(/hollow\.mp4/)
  }))
})

describe("detection", () => {
  for (const [name, found] of [["both.mp4", true], ["sound.mp4", false], ["cover.mp3", false], ["cover.png", false], ["moving.gif", true], ["moving.png", true], ["vp8.webm", true]] as const) {
    it.live(`${name} is ${found ? "" : "not "}a clip`, () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
      expect(yield* modality.detects(yield* openSource(file(name)))).toBe(found)
    }))))
  }
  it.live("a gif that does not move is a picture", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    yield* Effect.promise(() => makeClip(path("still.gif"), ...film(1), "-frames:v", "1"))
    const opened = yield* openSource(file("still.gif"))
    expect(opened.kind).toMatchObject({ _tag: "Image", moving: false })
    expect(yield* modality.detects(opened)).toBe(false)
  }))))
})

describe("stopping", () => {
  it.live("a reader that leaves early leaves no process", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("long.mp4"))
    yield* media.timeline
    const one = yield* media.frames(range(1800)).pipe(Stream.take(1), Stream.runCollect)
    expect(one.length).toBe(1)
    expect(children("ffmpeg")).toStrictEqual([])
    expect(openFiles(path(""))).toBe(0)
  }))))

  it.live("interrupted at any time, nothing stays", () => withFfmpeg(Effect.gen(function*() {
    for (let time = 0; time < 12; time++) {
      const reading = Effect.scoped(Effect.flatMap(opening({ _tag: "Bytes", bytes: new Uint8Array(readFileSync(path("long.mp4"))) }), (media) => Stream.runForEach(media.frames(range(1800)), () => Effect.sleep(1))))
      const fiber = yield* Effect.forkChild(reading)
      yield* Effect.sleep(time * 40)
      yield* Fiber.interrupt(fiber)
      expect(children("ffmpeg")).toStrictEqual([])
      expect(children("ffprobe")).toStrictEqual([])
      expect(temporaries()).toStrictEqual([])
    }
  })))

  it.live("a slow reader holds ffmpeg back", () => withFfmpeg(Effect.scoped(Effect.gen(function*() {
    const media = yield* opening(file("long.mp4"))
    let taken = 0
    const fiber = yield* Effect.forkChild(Stream.runForEach(media.frames(range(1800)), () => Effect.suspend(() => ++taken < 3 ? Effect.void : Effect.never)))
    while (taken < 3) yield* Effect.sleep(10)
    const before = process.memoryUsage().arrayBuffers
    yield* Effect.sleep(500)
    // 1,800 frames are 415 MB: what waits is a few pipes full.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
    expect(children("ffmpeg").length).toBe(1)
    yield* Fiber.interrupt(fiber)
    expect(children("ffmpeg")).toStrictEqual([])
  }))))
})
