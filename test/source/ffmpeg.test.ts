import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { chmodSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { dirname } from "node:path"
import { Ffmpeg } from "../../src/source/ffmpeg.ts"
import { everyFrame, findFfmpeg, type FfmpegSearch } from "../../src/source/find-ffmpeg.ts"
import { effectProcess } from "../../src/source/effect-process.ts"
import { openSource } from "../../src/source/open-source.ts"
import { openPosixSpawn } from "../../src/source/posix-spawn.ts"
import { posixProcess } from "../../src/source/posix-process.ts"
import { probeStreams } from "../../src/source/probe-streams.ts"
import { ProcessStarter } from "../../src/source/process-starter.ts"
import { children, makeClip, testFolder } from "./temporary-folder.ts"

const { path } = testFolder()
const program = (name: string, script: string): string => {
  writeFileSync(path(name), `#!/bin/sh\n${script}\n`)
  chmodSync(path(name), 0o755)
  return path(name)
}
const system = execFileSync("sh", ["-c", "command -v ffmpeg"], { encoding: "utf8" }).trim()
const input = () => ({ name: "clip.mkv", path: path("clip.mkv"), demuxer: "matroska" })
let alone = ""

beforeAll(async () => {
  await makeClip(
    path("clip.mkv"),
    "-f",
    "lavfi",
    "-i",
    "testsrc=s=64x48:r=30000/1001:d=2",
    "-f",
    "lavfi",
    "-i",
    "sine=d=2:r=44100",
    "-c:v",
    "ffv1",
    "-c:a",
    "pcm_s16le",
    "-ac",
    "2"
  )
  await makeClip(path("long.mkv"), "-f", "lavfi", "-i", "color=s=320x240:r=30:d=60", "-c:v", "ffv1")
  mkdirSync(path("alone"))
  alone = path("alone/ffmpeg")
  symlinkSync(system, alone)
}, 60_000)

const posix = await openPosixSpawn()
const starters = [["Effect's ChildProcess", effectProcess] as const, ...(posix === undefined ? [] : [["posix_spawn", posixProcess(posix)] as const])]

it("posix_spawn is to be had where it should be", () => {
  expect(posix !== undefined).toBe(process.platform === "linux" || process.platform === "darwin")
})

describe.each(starters)("by %s", (_name, starter) => {
  const withFfmpeg = <A, E>(effect: Effect.Effect<A, E, Ffmpeg>, search: FfmpegSearch = {}): Effect.Effect<A, E> =>
    Effect.provide(effect, Ffmpeg.layer(search)).pipe(Effect.provideService(ProcessStarter, starter))

  describe("finding ffmpeg", () => {
    const none: FfmpegSearch = { env: { PATH: path("empty") }, staticPackage: false }
    it.live("nowhere: says where it looked and how to get it", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(findFfmpeg(none))
        expect(error._tag).toBe("FfmpegMissing")
        expect(error.tried).toStrictEqual(["the setting and FFMPEG_PATH: not set", "the package ffmpeg-static: not tried", `PATH: ${path("empty")}`])
        expect(error.message).toMatch(/install it with|FFMPEG_PATH/)
      })
    )
    it.live("a setting that names no program is an error, whatever else is there", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(findFfmpeg({ path: path("no ffmpeg") }))
        expect(error.tried).toStrictEqual([`the setting: ${path("no ffmpeg")}`])
      })
    )
    it.live("FFMPEG_PATH that names a folder is an error", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(findFfmpeg({ env: { FFMPEG_PATH: path(""), PATH: process.env["PATH"] } }))
        expect(error._tag).toBe("FfmpegMissing")
      })
    )
    it.live("the setting before FFMPEG_PATH before PATH", () =>
      Effect.gen(function* () {
        const [one, two] = [program("one", "echo ffmpeg version 4.4.2"), program("two", "echo ffmpeg version n7.1")]
        const find = (search: FfmpegSearch) => Effect.provideService(findFfmpeg(search), ProcessStarter, starter)
        expect(yield* find({ path: one, env: { FFMPEG_PATH: two } })).toStrictEqual({ ffmpeg: one, version: [4, 4] })
        expect(yield* find({ env: { FFMPEG_PATH: two, PATH: process.env["PATH"] } })).toStrictEqual({ ffmpeg: two, version: [7, 1] })
        expect(yield* find({ env: { PATH: dirname(system) }, staticPackage: false })).toMatchObject({ ffmpeg: system })
      })
    )
    it("calls the option for every frame as the version does", () => {
      expect(everyFrame({ ffmpeg: "", version: [5, 0] })).toStrictEqual(["-vsync", "passthrough"])
      expect(everyFrame({ ffmpeg: "", version: [5, 1] })).toStrictEqual(["-fps_mode", "passthrough"])
      expect(everyFrame({ ffmpeg: "" })).toStrictEqual(["-fps_mode", "passthrough"])
    })
    it.live("missing: reading a film says so, reading a picture does not need it", () =>
      withFfmpeg(
        Effect.scoped(
          Effect.gen(function* () {
            const film = yield* openSource({ _tag: "Path", path: path("clip.mkv") })
            expect((yield* Effect.flip(film.streams))._tag).toBe("FfmpegMissing")
          })
        ),
        none
      )
    )
  })

  describe("running ffmpeg", () => {
    it.live("gives two outputs of one process, whole", () =>
      withFfmpeg(
        Effect.scoped(
          Effect.gen(function* () {
            const ffmpeg = yield* Ffmpeg
            const job = yield* ffmpeg.run({
              input: input(),
              secondOutput: true,
              output: ["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1", "-map", "0:a", "-f", "s16le", "-ac", "1", "pipe:3"]
            })
            const size = (bytes: typeof job.stdout) =>
              Stream.runFold(
                bytes,
                () => 0,
                (sum, piece) => sum + piece.length
              )
            const [pictures, sound] = yield* Effect.all([size(job.stdout), size(job.second)], { concurrency: 2 })
            expect(pictures).toBe(60 * 64 * 48 * 3)
            expect(sound).toBe(2 * 44_100 * 2)
          })
        )
      )
    )

    it.live("stops when its reader does", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const ffmpeg = yield* Ffmpeg
          const first = yield* ffmpeg
            .stream({ input: { ...input(), path: path("long.mkv") }, output: ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"] })
            .pipe(Stream.take(1), Stream.runCollect)
          expect(first.length).toBe(1)
          expect(children("ffmpeg")).toStrictEqual([])
        })
      )
    )

    it.live("waits while nobody reads, and dies when interrupted", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const ffmpeg = yield* Ffmpeg
          const reading = ffmpeg
            .stream({ input: { ...input(), path: path("long.mkv") }, output: ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"] })
            .pipe(Stream.runForEach(() => Effect.never))
          yield* ffmpeg.programs
          const fiber = yield* Effect.forkChild(reading)
          while (children("ffmpeg").length === 0) yield* Effect.sleep(20)
          yield* Effect.sleep(100)
          expect(children("ffmpeg").length).toBe(1)
          yield* Fiber.interrupt(fiber)
          expect(children("ffmpeg")).toStrictEqual([])
        })
      )
    )

    it.live("killed halfway is an error with its source", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const ffmpeg = yield* Ffmpeg
          let killed = false
          const error = yield* ffmpeg
            .stream({ stage: "encode", input: { ...input(), path: path("long.mkv") }, output: ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"] })
            .pipe(
              Stream.runForEach(() =>
                Effect.sync(() => {
                  if (!killed) for (const pid of children("ffmpeg")) process.kill(pid, "SIGKILL")
                  killed = true
                })
              ),
              Effect.flip
            )
          expect(killed).toBe(true)
          expect(error).toMatchObject({ _tag: "FfmpegFailed", stage: "encode", source: "clip.mkv", exitCode: null })
          expect(error.message).toMatch(/was killed before it ended/)
        })
      )
    )

    it.live("an option that it does not know is its failure, with code and reason", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const error = yield* Effect.flip((yield* Ffmpeg).text({ input: input(), output: ["-no_such_option", "1", "-f", "null", "-"] }))
          expect(error._tag).toBe("FfmpegFailed")
          if (error._tag === "FfmpegFailed") expect(error.exitCode ?? 0).toBeGreaterThan(0)
          expect(error.message).toMatch(/no_such_option|Option/)
        })
      )
    )

    it.live("a file of another kind is the file's fault, and is not guessed", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const error = yield* Effect.flip((yield* Ffmpeg).text({ input: { ...input(), demuxer: "mov" }, output: ["-f", "null", "-"] }))
          expect(error._tag).toBe("SourceUnreadable")
          expect(error.message).toMatch(/clip\.mkv cannot be read/)
        })
      )
    )

    it.live("opens no file that a file names, even if it were asked to read a list", () =>
      withFfmpeg(
        Effect.gen(function* () {
          writeFileSync(path("list.m3u8"), `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n`)
          const error = yield* Effect.flip(
            (yield* Ffmpeg).text({ input: { ...input(), path: path("list.m3u8"), demuxer: "hls" }, output: ["-f", "null", "-"] })
          )
          expect(["SourceUnreadable", "FfmpegFailed"]).toContain(error._tag)
          expect(error.message).not.toMatch(/refused/)
        })
      )
    )

    it.live("a program that is none: an error, no crash", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const error = yield* Effect.flip((yield* Ffmpeg).text({ input: input(), output: [] }))
          expect(error).toMatchObject({ _tag: "FfmpegFailed", exitCode: 3 })
          expect(error.message).toMatch(/boom/)
        }),
        { path: program("broken", "echo boom >&2; exit 3") }
      )
    )

    for (const name of ["-y.mkv", "a:b.mkv", "%d.mkv", "%03d.mkv", "new\nline.mkv", "concat:x|y.mkv", "'q\".mkv"]) {
      it.live(`reads a file called ${JSON.stringify(name)}`, () =>
        withFfmpeg(
          Effect.gen(function* () {
            execFileSync("cp", [path("clip.mkv"), path(name)])
            const { video } = yield* probeStreams({ name, path: path(name), demuxer: "matroska" })
            expect(video?.width).toBe(64)
          })
        )
      )
    }
  })

  describe("probing streams", () => {
    const wanted = {
      video: { index: 0, codec: "ffv1", width: 64, height: 48, rotation: 0, roundedFrameRate: 29.97 },
      audio: { index: 1, codec: "pcm_s16le", sampleRateHz: 44_100, channels: 2 }
    }
    it.live("by ffprobe", () =>
      withFfmpeg(
        Effect.gen(function* () {
          const found = yield* probeStreams(input())
          expect(found.video).toMatchObject({ ...wanted.video, frameRate: [30_000, 1001] })
          expect(found.audio).toMatchObject(wanted.audio)
          expect(Math.abs((found.durationSeconds ?? 0) - 2)).toBeLessThan(0.01)
        })
      )
    )
    it.live("by ffmpeg alone", () =>
      withFfmpeg(
        Effect.gen(function* () {
          expect((yield* (yield* Ffmpeg).programs).ffprobe).toBeUndefined()
          const found = yield* probeStreams(input())
          expect(found.video).toMatchObject(wanted.video)
          expect(found.audio).toMatchObject(wanted.audio)
          expect(Math.abs((found.durationSeconds ?? 0) - 2)).toBeLessThan(0.01)
        }),
        { path: alone }
      )
    )
    it.live("of a broken file, by ffmpeg alone", () =>
      withFfmpeg(
        Effect.gen(function* () {
          writeFileSync(path("broken.mkv"), "\x1aE\xdf\xa3broken", "latin1")
          const error = yield* Effect.flip(probeStreams({ ...input(), path: path("broken.mkv") }))
          expect(error._tag).toBe("SourceUnreadable")
        }),
        { path: alone }
      )
    )
    it("this machine's ffmpeg was found", () => {
      expect(readlinkSync(alone)).toBe(system)
    })
  })
})
