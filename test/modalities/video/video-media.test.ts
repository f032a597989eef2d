import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { readFileSync } from "node:fs"
import { Readable } from "node:stream"
import type { Source } from "../../../src/core/source.ts"
import { makeClip, referenceFrames } from "../../source/temporary-folder.ts"
import { allClips, clipFolder, digest, film, films, h264, opening, range, sameFrames } from "./clip-files.ts"

const { file, path, temporaries, withFfmpeg } = clipFolder(allClips)

describe("frames are those of a whole decode", () => {
  for (const [name, , width, height, rate] of films) {
    it.live(name, () =>
      withFfmpeg(
        Effect.gen(function* () {
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
        })
      )
    )
  }

  for (const name of ["ntsc.mp4", "open-gop.mp4", "vp8.webm", "variable.mkv", "moving.gif", "mpeg2.ts", "cut.mp4", "turned.mp4"]) {
    it.live(`${name}, by ffmpeg alone, where there is no ffprobe`, () =>
      Effect.gen(function* () {
        const timelineOf = Effect.scoped(Effect.flatMap(opening(file(name)), ({ timeline }) => timeline))
        const known = yield* withFfmpeg(timelineOf)
        const { frameCount, frameRate } = yield* withFfmpeg(timelineOf, true)
        expect(frameCount).toBe(known.frameCount)
        expect(Math.abs(frameRate - known.frameRate)).toBeLessThan(1e-9)
        yield* withFfmpeg(
          Effect.flatMap(opening(file(name)), (media) => sameFrames(media, referenceFrames(path(name)), range(frameCount, 5))),
          true
        )
      })
    )
  }
})

describe("frames far apart", () => {
  it.live("are sought, and are the same", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("long.mp4"))
        const reference = referenceFrames(path("long.mp4"))
        for (const indices of [[0, 1799], [1799], [899, 900, 901], [0, 0, 500, 500, 1200], [59, 60, 61, 1259, 1260, 1261]])
          yield* sameFrames(media, reference, indices)
      })
    )
  )

  it.live("are the same from every kind of file that is sought in", () =>
    withFfmpeg(
      Effect.gen(function* () {
        // Large frames, so that it pays to seek in short files.
        for (const [name, args] of [
          ["h.mp4", h264],
          ["o.mp4", [...h264, "-x264-params", "open-gop=1"]],
          ["i.mp4", [...h264, "-x264-params", "intra-refresh=1"]],
          ["m.mkv", h264]
        ] as const) {
          yield* Effect.promise(() => makeClip(path(name), ...film(6, "30", "640x480"), ...args, "-g", "30"))
          const media = yield* opening(file(name))
          yield* sameFrames(media, referenceFrames(path(name)), [0, 1, 110, 175, 176])
        }
      })
    )
  )

  const picks = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1799 })))
  it.live.prop(
    "any picks",
    [picks],
    ([values]) =>
      withFfmpeg(
        Effect.gen(function* () {
          const media = yield* opening(file("long.mp4"))
          const indices = [...values].sort((a, b) => a - b)
          const size = 320 * 240 * 3
          longReference ??= referenceFrames(path("long.mp4"))
          const read = yield* Stream.runCollect(media.frames(indices))
          expect(read.map(({ index }) => index)).toStrictEqual(indices)
          for (const { data, index } of read) expect(digest(data)).toBe(digest(longReference.subarray(index * size, (index + 1) * size)))
          return true
        })
      ),
    { arbitrary: { runs: 15 } }
  )
  let longReference: Buffer | undefined
})

describe("a clip", () => {
  it.live("that begins inside a group of pictures shows what its edit list shows", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("cut.mp4"))
        const reference = referenceFrames(path("cut.mp4"))
        const { frameCount } = yield* media.timeline
        expect(frameCount).toBe(reference.length / (320 * 240 * 3))
        yield* sameFrames(media, reference, range(frameCount))
      })
    )
  )

  for (const [name, width, height] of [
    ["turned.mp4", 120, 160],
    ["upside-down.mp4", 160, 120]
  ] as const) {
    it.live(`${name} is turned as it says`, () =>
      withFfmpeg(
        Effect.gen(function* () {
          const media = yield* opening(file(name))
          expect([media.width, media.height]).toStrictEqual([width, height])
          yield* sameFrames(media, referenceFrames(path(name)), range(60, 9))
        })
      )
    )
  }

  it.live("has its sound as a track, unless it is not wanted", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const heard = yield* opening(file("both.mp4"), {})
        expect(heard.hasSound).toBe(true)
        expect(heard.tracks.map(({ modality }) => modality)).toStrictEqual(["audio"])
        const silent = yield* opening(file("both.mp4"), { sound: false })
        expect(silent.hasSound).toBe(true)
        expect(silent.tracks).toStrictEqual([])
        const mute = yield* opening(file("front.mp4"), {})
        expect(mute.hasSound).toBe(false)
        expect(mute.tracks).toStrictEqual([])
      })
    )
  )

  for (const name of ["ntsc.mp4", "short-sound.mp4", "apart.mp4"]) {
    it.live(`${name}: sound longer, shorter or apart does not move its frames`, () =>
      withFfmpeg(
        Effect.gen(function* () {
          const media = yield* opening(file(name), {})
          const reference = referenceFrames(path(name))
          const { frameCount } = yield* media.timeline
          expect(frameCount).toBe(reference.length / (160 * 120 * 3))
          yield* sameFrames(media, reference, range(frameCount, 11))
          expect(media.tracks.length).toBe(1)
        })
      )
    )
  }

  it.live("of ten hours is counted without being decoded", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("ten-hours.mp4"))
        expect(media.durationSeconds).toBe(36_000)
        expect(media.estimatedFrames).toBe(36_000)
        const { atSeconds, frameCount } = yield* media.timeline
        expect(frameCount).toBe(36_000)
        expect(atSeconds(35_999)).toBe(35_999)
        expect((yield* Stream.runCollect(media.frames([35_999]))).length).toBe(1)
      })
    )
  )

  it.live("keeps the times of frames that come unevenly", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const { atSeconds, frameCount } = yield* (yield* opening(file("variable.mkv"))).timeline
        // Every frame of the first second, then every third: to a thousandth, as Matroska keeps it.
        expect(frameCount).toBe(30 + 30)
        for (const [frame, seconds] of [
          [1, 1 / 30],
          [29, 29 / 30],
          [30, 1],
          [31, 1.1],
          [59, 3.9]
        ])
          expect(Math.abs(atSeconds(frame) - seconds)).toBeLessThan(0.001_1)
      })
    )
  )

  for (const [name, alone] of [
    ["resized.ts", false],
    ["resized.ts", true],
    ["resized.mkv", false],
    ["resized.mkv", true],
    ["resized-turned.mp4", false],
    ["resized-turned.mp4", true]
  ] as const) {
    it.live(`${name}${alone ? ", by ffmpeg alone" : ""}: frames that change their size midway are scaled to the first`, () =>
      withFfmpeg(
        Effect.gen(function* () {
          const media = yield* opening(file(name))
          const reference = referenceFrames(path(name))
          const { frameCount } = yield* media.timeline
          expect(frameCount).toBe(60)
          for (const indices of [range(60), [5, 40], [10, 29, 30, 45, 59], [59]]) yield* sameFrames(media, reference, indices)
        }),
        alone
      )
    )
  }

  it.live("from bytes and from a byte stream is the same clip", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const bytes = new Uint8Array(readFileSync(path("ntsc.mp4")))
        const reference = referenceFrames(path("ntsc.mp4"))
        const sources: ReadonlyArray<Source> = [
          { _tag: "Bytes", bytes },
          {
            _tag: "ByteStream",
            bytes: Stream.fromAsyncIterable(Readable.from([Buffer.from(bytes.subarray(0, 1000)), Buffer.from(bytes.subarray(1000))]), () => {
              throw new Error("never")
            })
          }
        ]
        const ids = yield* Effect.forEach(sources, (source) =>
          Effect.scoped(
            Effect.gen(function* () {
              const media = yield* opening(source)
              yield* sameFrames(media, reference, [0, 30, 59])
              return media.contentId
            })
          )
        )
        expect(ids[0]).toBe(ids[1])
        expect(temporaries()).toStrictEqual([])
      })
    )
  )

  it.live("can be read twice, and at the same time", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("ntsc.mp4"))
        const reference = referenceFrames(path("ntsc.mp4"))
        yield* Effect.all([sameFrames(media, reference, [0, 20]), sameFrames(media, reference, [5, 59])], { concurrency: 2 })
      })
    )
  )

  it.live("gives a repeated frame as copies of its own", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("one.mp4"))
        const [one, two] = yield* Stream.runCollect(media.frames([0, 0]))
        expect(one.data.buffer).not.toBe(two.data.buffer)
        expect(digest(one.data)).toBe(digest(two.data))
      })
    )
  )
})
