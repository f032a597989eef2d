import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { modality } from "../../../modalities/video/modality.ts"
import type { EncodeError } from "../../../src/core/errors.ts"
import type { MediaRef, Source } from "../../../src/core/source.ts"
import { openSource } from "../../../src/source/open-source.ts"
import { CurrentSourceLimits, defaultSourceLimits } from "../../../src/source/source-limits.ts"
import { children, makeClip, openFiles, referenceFrames } from "../../source/temporary-folder.ts"
import { clipFolder, film, opening, range, sameFrames } from "./clip-files.ts"

const { file, path, temporaries, withFfmpeg } = clipFolder([
  "front.mp4",
  "long.mp4",
  "ten-hours.mp4",
  "sound.mp4",
  "cover.png",
  "cover.mp3",
  "both.mp4",
  "vp8.webm",
  "moving.gif",
  "moving.png"
])

describe("options", () => {
  it.live("start and end cut frames out", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("long.mp4"), { start: 10, end: 12, sound: false })
        const { atSeconds, frameCount } = yield* media.timeline
        // 300 to 360: the frame at the very end counts.
        expect(frameCount).toBe(61)
        expect(atSeconds(0)).toBe(0)
        expect(Math.abs(atSeconds(60) - 2)).toBeLessThan(1e-9)
        expect(media.durationSeconds).toBe(2)
        yield* sameFrames(media, referenceFrames(path("long.mp4")), [0, 1, 60], 300)
      })
    )
  )

  const wrong: ReadonlyArray<readonly [MediaRef["options"], string]> = [
    [{ fps: 0 }, "fps"],
    [{ fps: -1 }, "fps"],
    [{ fps: Number.NaN }, "fps"],
    [{ fps: "2" }, "fps"],
    [{ fps: Number.POSITIVE_INFINITY }, "fps"],
    [{ start: -1 }, "start"],
    [{ start: 3, end: 2 }, "end"],
    [{ end: 0 }, "end"],
    [{ start: 100 }, "start"],
    [{ maxFrames: 2.5 }, "maxFrames"],
    [{ sound: 1 }, "sound"]
  ]
  for (const [options, option] of wrong) {
    it.live(JSON.stringify(options), () =>
      withFfmpeg(
        Effect.gen(function* () {
          const error = yield* Effect.flip(opening(file("front.mp4"), options))
          expect(error).toMatchObject({ _tag: "OptionInvalid", option })
        })
      )
    )
  }

  it.live("no frame between start and end", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("ten-hours.mp4"), { start: 10.2, end: 10.8 })
        expect(yield* Effect.flip(media.timeline)).toMatchObject({ _tag: "OptionInvalid", option: "end" })
      })
    )
  )

  for (const indices of [[60], [-1], [0.5], [3, 2]]) {
    it.live(`frames ${indices.join(", ")} of 60`, () =>
      withFfmpeg(
        Effect.gen(function* () {
          const media = yield* opening(file("front.mp4"))
          expect(yield* Effect.flip(Stream.runDrain(media.frames(indices)))).toMatchObject({ _tag: "OptionInvalid", option: "indices" })
        })
      )
    )
  }
})

describe("what is no clip", () => {
  const refused = (source: Source) => withFfmpeg(Effect.flip(Effect.scoped(Effect.flatMap(opening(source), ({ timeline }) => timeline))))
  it.live("a film without pictures", () =>
    Effect.gen(function* () {
      const error = yield* refused(file("sound.mp4"))
      expect(error).toMatchObject({ _tag: "UnsupportedMedia", modality: "video" })
      expect(error.message).toMatch(/a film without pictures: it holds sound only/)
    })
  )
  it.live("a recording with a cover", () =>
    Effect.gen(function* () {
      expect((yield* refused(file("cover.mp3"))).message).toMatch(/without pictures/)
    })
  )
  it.live("a picture", () =>
    Effect.gen(function* () {
      expect((yield* refused(file("cover.png"))).message).toMatch(/is a PNG picture, not a film/)
    })
  )
  it.live("a text file called .mp4", () =>
    Effect.gen(function* () {
      writeFileSync(path("text.mp4"), "dear diary\n")
      const error = yield* refused(file("text.mp4"))
      expect(error).toMatchObject({ _tag: "UnsupportedMedia" })
      expect(error.message).toMatch(/is plain text, not a film/)
    })
  )
  it.live("an mp4 cut off before its index", () =>
    Effect.gen(function* () {
      copyFileSync(path("long.mp4"), path("no-index.mp4"))
      truncateSync(path("no-index.mp4"), 50_000)
      const error = yield* refused(file("no-index.mp4"))
      expect(error).toMatchObject({ _tag: "SourceUnreadable", source: "no-index.mp4" })
    })
  )
  for (const alone of [false, true]) {
    it.live(`an mp4 cut off after its index${alone ? ", by ffmpeg alone" : ""}`, () =>
      Effect.gen(function* () {
        copyFileSync(path("front.mp4"), path("half.mp4"))
        truncateSync(path("half.mp4"), Math.floor(readFileSync(path("front.mp4")).length / 2))
        const error = yield* withFfmpeg(Effect.flip(Effect.scoped(Effect.flatMap(opening(file("half.mp4")), ({ timeline }) => timeline))), alone)
        expect(error._tag).toBe("SourceUnreadable")
        expect(error.message).toMatch(/it is cut off/)
        if (!alone) expect(error.message).toMatch(/of 60 frames are there/)
      })
    )
  }
  it.live("noise after a container's first bytes", () =>
    Effect.gen(function* () {
      const noise = Buffer.alloc(20_000)
      for (let at = 0; at < noise.length; at++) noise[at] = ((at * 7919) >> 3) & 255
      for (const [name, start] of [
        ["noise.mp4", "\0\0\0\x18ftypisom\0\0\x02\0isomiso2"],
        ["noise.mkv", "\x1aE\xdf\xa3"],
        ["noise.avi", "RIFF\0\0\0\0AVI LIST"],
        ["noise.gif", "GIF89a"]
      ]) {
        writeFileSync(path(name), Buffer.concat([Buffer.from(start, "latin1"), noise]))
        const error = yield* refused(file(name))
        expect(["SourceUnreadable", "UnsupportedMedia", "FfmpegFailed"], name).toContain(error._tag)
      }
    })
  )
  it.live("frames beyond the bound", () =>
    Effect.gen(function* () {
      const limits = { ...defaultSourceLimits, maxFramePixels: 10_000 }
      const error = yield* refused(file("front.mp4")).pipe(Effect.provideService(CurrentSourceLimits, limits))
      expect(error).toMatchObject({ _tag: "LimitExceeded", needed: 19_200, allowed: 10_000 })
      expect(error.message).toMatch(/160 x 120/)
    })
  )
  it.live("a file whose frames cannot be decoded as counted ends in an error with figures", () =>
    Effect.gen(function* () {
      const bytes = readFileSync(path("front.mp4"))
      // The pictures' bytes are gone, the index is whole.
      bytes.fill(0, bytes.indexOf("mdat") + 8)
      writeFileSync(path("hollow.mp4"), bytes)
      const error: EncodeError = yield* withFfmpeg(
        Effect.flip(Effect.scoped(Effect.flatMap(opening(file("hollow.mp4")), (media) => Stream.runDrain(media.frames([0, 10, 59])))))
      )
      expect(["RowsDiffer", "SourceUnreadable"]).toContain(error._tag)
      expect(error.message).toMatch(/hollow\.mp4/)
    })
  )
})

describe("detection", () => {
  for (const [name, found] of [
    ["both.mp4", true],
    ["sound.mp4", false],
    ["cover.mp3", false],
    ["cover.png", false],
    ["moving.gif", true],
    ["moving.png", true],
    ["vp8.webm", true]
  ] as const) {
    it.live(`${name} is ${found ? "" : "not "}a clip`, () =>
      withFfmpeg(
        Effect.gen(function* () {
          expect(yield* modality.detects(yield* openSource(file(name)))).toBe(found)
        })
      )
    )
  }
  it.live("a gif that does not move is a picture", () =>
    withFfmpeg(
      Effect.gen(function* () {
        yield* Effect.promise(() => makeClip(path("still.gif"), ...film(1), "-frames:v", "1"))
        const opened = yield* openSource(file("still.gif"))
        expect(opened.kind).toMatchObject({ _tag: "Image", moving: false })
        expect(yield* modality.detects(opened)).toBe(false)
      })
    )
  )
})

describe("stopping", () => {
  it.live("a reader that leaves early leaves no process", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("long.mp4"))
        yield* media.timeline
        const one = yield* media.frames(range(1800)).pipe(Stream.take(1), Stream.runCollect)
        expect(one.length).toBe(1)
        expect(children("ffmpeg")).toStrictEqual([])
        expect(openFiles(path(""))).toBe(0)
      })
    )
  )

  it.live("interrupted at any time, nothing stays", () =>
    withFfmpeg(
      Effect.gen(function* () {
        for (let time = 0; time < 12; time++) {
          const reading = Effect.scoped(
            Effect.flatMap(opening({ _tag: "Bytes", bytes: new Uint8Array(readFileSync(path("long.mp4"))) }), (media) =>
              Stream.runForEach(media.frames(range(1800)), () => Effect.sleep(1))
            )
          )
          const fiber = yield* Effect.forkChild(reading)
          yield* Effect.sleep(time * 40)
          yield* Fiber.interrupt(fiber)
          expect(children("ffmpeg")).toStrictEqual([])
          expect(children("ffprobe")).toStrictEqual([])
          expect(temporaries()).toStrictEqual([])
        }
      })
    )
  )

  it.live("a slow reader holds ffmpeg back", () =>
    withFfmpeg(
      Effect.gen(function* () {
        const media = yield* opening(file("long.mp4"))
        let taken = 0
        const fiber = yield* Effect.forkChild(
          Stream.runForEach(media.frames(range(1800)), () => Effect.suspend(() => (++taken < 3 ? Effect.void : Effect.never)))
        )
        while (taken < 3) yield* Effect.sleep(10)
        const before = process.memoryUsage().arrayBuffers
        yield* Effect.sleep(500)
        // 1,800 frames are 415 MB: what waits is a few pipes full.
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
        expect(children("ffmpeg").length).toBe(1)
        yield* Fiber.interrupt(fiber)
        expect(children("ffmpeg")).toStrictEqual([])
      })
    )
  )
})
