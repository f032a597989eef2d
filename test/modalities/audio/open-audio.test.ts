import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { execFile } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { OpenError } from "../../../src/core/errors.ts"
import type { MediaRef } from "../../../src/core/source.ts"
import { Ffmpeg } from "../../../src/source/ffmpeg.ts"
import { ProcessStarter } from "../../../src/source/process-starter.ts"
import { openSource } from "../../../src/source/open-source.ts"
import { type AudioMedia, isAudioMedia } from "../../../modalities/audio/audio-media.ts"
import { modality } from "../../../modalities/audio/modality.ts"
import { openAudio, openSoundTrack } from "../../../modalities/audio/open-audio.ts"
import { bytesOf, makeWav, noise, tone } from "./make-wav.ts"

const exec = promisify(execFile)
const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "audio-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const write = (name: string, bytes: Uint8Array) =>
  Effect.flatMap(folder, (path) =>
    Effect.promise(async () => {
      await writeFile(join(path, name), bytes)
      return join(path, name)
    })
  )
const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { ffmpeg } = yield* (yield* Ffmpeg).programs
    return yield* Effect.promise(() => exec(ffmpeg, ["-v", "error", "-y", ...args], { encoding: "buffer", maxBuffer: 1 << 28 }))
  })
/** What the reference command writes. */
const reference = (path: string) =>
  Effect.map(run("-i", path, "-vn", "-ac", "1", "-ar", "16000", "-f", "f32le", "-"), ({ stdout }) => new Float32Array(new Uint8Array(stdout).buffer))

const openPath = (path: string, options: MediaRef["options"] = {}) => Effect.flatMap(openSource({ _tag: "Path", path }), (opened) => openAudio(opened, options))
const openBytes = (bytes: Uint8Array, options: MediaRef["options"] = {}): Effect.Effect<AudioMedia, OpenError, Ffmpeg | Scope.Scope> =>
  Effect.flatMap(openSource({ _tag: "Bytes", bytes }), (opened) => openAudio(opened, options))
const all = (audio: AudioMedia) =>
  Effect.map(Stream.runCollect(audio.samples), (pieces) => {
    const out = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0))
    pieces.reduce((at, piece) => {
      out.set(piece, at)
      return at + piece.length
    }, 0)
    return out
  })
const same = (a: Float32Array, b: Float32Array): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0
const childCount = Effect.promise(async () => {
  const tasks = await readdir("/proc/self/task")
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/self/task/${task}/children`, "utf8").catch(() => "")))
  return lists
    .join(" ")
    .split(" ")
    .filter((pid) => pid.trim() !== "").length
})

const s16 = (seconds: number, channels = 1): Uint8Array =>
  bytesOf(Int16Array.from({ length: Math.round(seconds * 16000) * channels }, (_, i) => 20000 * Math.sin(i * 0.03) + ((i * 7919) % 500)))

const plain = {
  "8 bits": makeWav(noise(20_001), { bits: 8 }),
  "16 bits": makeWav(s16(2.5), { bits: 16 }),
  "24 bits": makeWav(noise(30_000), { bits: 24 }),
  "32 bits": makeWav(noise(40_000), { bits: 32 }),
  float: makeWav(bytesOf(tone(20_000)), { bits: 32, float: true }),
  "float of 64 bits": makeWav(bytesOf(Float64Array.from(tone(9000), (v) => v * 1.1)), { bits: 64, float: true }),
  "two channels": makeWav(s16(1.2, 2), { bits: 16, channels: 2 }),
  "two channels of 24 bits, extensible": makeWav(noise(6 * 5000, 9), { bits: 24, channels: 2, extensible: true }),
  "two channels of float": makeWav(bytesOf(tone(20_000)), { bits: 32, float: true, channels: 2 }),
  "a header that promises too much": makeWav(s16(0.5), { bits: 16, promised: 999_999 }),
  "a header without a length": makeWav(s16(0.5), { bits: 16, promised: 0 }),
  "a header of an unknown length": makeWav(s16(0.5), { bits: 16, promised: 0xffffffff }),
  "a header that promises too little": makeWav(s16(0.5), { bits: 16, promised: 1000 }),
  "half a sample at the end": makeWav(s16(0.5).subarray(0, 15_001), { bits: 16, promised: 16_000 })
}

layer(Ffmpeg.layer(), { excludeTestServices: true })("openAudio", (it) => {
  for (const [what, bytes] of Object.entries(plain)) {
    it.effect(`a 16 kHz wav, ${what}, is read without ffmpeg and equals it`, () =>
      Effect.gen(function* () {
        const path = yield* write("a.wav", bytes)
        const noFfmpeg = Ffmpeg.layer({ path: "/nowhere/ffmpeg" })
        const [mine, count] = yield* Effect.gen(function* () {
          const audio = yield* openPath(path)
          expect(isAudioMedia(audio)).toBe(true)
          const whole = yield* all(audio)
          expect(audio.seconds).toBe(whole.length / 16000)
          return [whole, yield* audio.sampleCount] as const
        }).pipe(Effect.provide(noFfmpeg))
        const theirs = yield* reference(path)
        expect(theirs.length).toBeGreaterThan(0)
        expect(count).toBe(theirs.length)
        expect(same(mine, theirs)).toBe(true)
      })
    )
  }

  it.effect("other rates, channels and formats equal the reference command, from a path and from bytes", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const wide = yield* write("six.wav", makeWav(noise(12 * 20_000, 5), { bits: 16, channels: 6, rateHz: 48_000, extensible: true }))
      const cd = yield* write("cd.wav", makeWav(s16(2.2, 2), { bits: 16, channels: 2, rateHz: 44_100 }))
      const [mp3, film] = [join(directory, "-y.mp3"), join(directory, "film.mkv")]
      yield* run("-i", cd, `file:${mp3}`)
      yield* run("-f", "lavfi", "-i", "testsrc=size=32x32:rate=5:duration=1", "-i", cd, "-c:v", "ffv1", "-c:a", "flac", film)
      for (const path of [wide, cd, mp3, film]) {
        const theirs = yield* reference(`file:${path}`)
        for (const audio of [
          yield* openPath(path),
          yield* Effect.flatMap(
            Effect.promise(() => readFile(path)),
            (bytes) => openBytes(bytes)
          )
        ]) {
          expect(same(yield* all(audio), theirs), path).toBe(true)
          expect(yield* audio.sampleCount).toBe(theirs.length)
          expect(Math.abs(audio.seconds - theirs.length / 16000)).toBeLessThan(0.3)
        }
      }
    })
  )

  it.effect("start and end cut samples out, by header or by decoding", () =>
    Effect.gen(function* () {
      for (const [bytes, cases] of [
        [plain["16 bits"], 5],
        [makeWav(s16(5), { bits: 16, rateHz: 32_000 }), 2]
      ] as const) {
        const whole = yield* all(yield* openBytes(bytes))
        for (const [start, end] of [
          [0.25, 1.75],
          [1.5, 99],
          [0, 1],
          [1, 2],
          [0, 0.001]
        ].slice(0, cases)) {
          const part = yield* openBytes(bytes, { start, end })
          const samples = yield* all(part)
          expect(same(samples, whole.slice(start * 16000, end * 16000)), `${start} ${end}`).toBe(true)
          expect(yield* part.sampleCount).toBe(samples.length)
          expect(part.contentId).not.toBe((yield* openBytes(bytes)).contentId)
        }
        const late = yield* Effect.flip(Effect.flatMap(openBytes(bytes, { start: 60 }), (audio) => audio.sampleCount))
        expect(late).toMatchObject({ _tag: "OptionInvalid", option: "start" })
      }
      for (const options of [{ start: -1 }, { start: 2, end: 2 }, { end: "late" }])
        expect((yield* Effect.flip(openBytes(plain["16 bits"], options)))._tag).toBe("OptionInvalid")
    })
  )

  it.effect("a wav larger than is read whole comes from its file, a second a pull", () =>
    Effect.gen(function* () {
      const path = yield* write("long.wav", makeWav(s16(40), { bits: 16 }))
      const audio = yield* openPath(path)
      const pieces = yield* Stream.runCollect(Stream.take(audio.samples, 3))
      expect(pieces.map(({ length }) => length)).toEqual([16000, 16000, 16000])
      expect((yield* all(audio)).length).toBe(640_000)
      yield* Effect.promise(() => writeFile(path, makeWav(s16(20), { bits: 16 })))
      expect(yield* Effect.flip(all(audio))).toMatchObject({ _tag: "SourceUnreadable" })
    })
  )

  it.effect("no samples, NaN, and what is no sound are typed errors", () =>
    Effect.gen(function* () {
      const broken = tone(40_000)
      broken[20_123] = Number.NaN
      const nan = yield* openBytes(makeWav(bytesOf(broken), { bits: 32, float: true }))
      const error = yield* Effect.flip(all(nan))
      expect(error).toMatchObject({ _tag: "SourceUnreadable" })
      expect(error.message).toContain("sample 20123")
      const elsewhere = yield* openBytes(makeWav(bytesOf(broken), { bits: 32, float: true, rateHz: 32_000 }))
      expect((yield* Effect.flip(elsewhere.sampleCount))._tag).toBe("SourceUnreadable")
      for (const rateHz of [16_000, 8000]) {
        const none = yield* Effect.flip(Effect.flatMap(openBytes(makeWav(new Uint8Array(0), { bits: 16, rateHz })), (audio) => audio.sampleCount))
        expect(none._tag).toBe("SourceUnreadable")
      }
      const png = yield* Effect.promise(() => readFile(new URL("../image/pictures/rgb.png", import.meta.url)))
      expect((yield* Effect.flip(openBytes(png)))._tag).toBe("UnsupportedMedia")
      expect((yield* Effect.flip(openBytes(Buffer.from("no sound"))))._tag).toBe("UnsupportedMedia")
      expect((yield* Effect.flip(openBytes(new Uint8Array(0))))._tag).toBe("SourceUnreadable")
    })
  )

  it.effect("a film's sound may be empty as a track, and a silent film has none", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const silent = join(directory, "silent.mkv")
      yield* run("-f", "lavfi", "-i", "testsrc=size=32x32:rate=5:duration=1", "-c:v", "ffv1", silent)
      expect((yield* Effect.flip(openPath(silent)))._tag).toBe("UnsupportedMedia")
      const opened = yield* openSource({ _tag: "Bytes", bytes: makeWav(s16(1), { bits: 16, rateHz: 32_000 }) })
      const late = yield* openSoundTrack(opened, { start: 50 })
      expect(yield* late.sampleCount).toBe(0)
      expect(yield* modality.detects(yield* openSource({ _tag: "Path", path: silent }))).toBe(false)
      expect(yield* modality.detects(opened)).toBe(true)
    })
  )

  it.effect("a short sound that was counted is not decoded again for the first who reads it", () =>
    Effect.gen(function* () {
      let started = 0
      const starter = yield* ProcessStarter
      const counting = Effect.provideService(ProcessStarter, (command) => Effect.tap(starter(command), () => Effect.sync(() => started++)))
      for (const [seconds, kept] of [
        [1, true],
        [33, false]
      ] as const) {
        const audio = yield* openBytes(makeWav(s16(seconds), { bits: 16, rateHz: 8000 }))
        const theirs = yield* all(yield* openBytes(makeWav(s16(seconds), { bits: 16, rateHz: 8000 })))
        const count = yield* audio.sampleCount
        expect(count).toBe(seconds * 32_000)
        for (const again of [kept ? 0 : 1, 1, 1]) {
          started = 0
          const mine = yield* counting(all(audio))
          expect(started).toBe(again)
          expect(same(mine, theirs)).toBe(true)
          expect(yield* counting(audio.sampleCount)).toBe(count)
          expect(started).toBe(again)
        }
      }
    })
  )

  it.effect("left early or interrupted, ffmpeg is gone", () =>
    Effect.gen(function* () {
      const path = yield* write("long.wav", makeWav(s16(120), { bits: 16, rateHz: 8000 }))
      const audio = yield* openPath(path)
      const before = yield* childCount
      expect((yield* Stream.runCollect(Stream.take(audio.samples, 1))).length).toBe(1)
      expect(yield* childCount).toBe(before)
      const fiber = yield* Effect.forkChild(Stream.runForEach(audio.samples, () => Effect.sleep("1 minute")))
      yield* Effect.sleep("300 millis")
      expect(yield* childCount).toBe(before + 1)
      yield* Fiber.interrupt(fiber)
      expect(yield* childCount).toBe(before)
      expect(yield* audio.sampleCount).toBe(120 * 32_000)
    })
  )

  it.effect("without ffmpeg, what needs it says so", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.flatMap(openBytes(makeWav(s16(1), { bits: 16, rateHz: 8000 })), (audio) => audio.sampleCount))
      expect(error._tag).toBe("FfmpegMissing")
    }).pipe(Effect.provide(Ffmpeg.layer({ path: "/nowhere/ffmpeg" })))
  )
})
