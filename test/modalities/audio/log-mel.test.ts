import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { openSafetensors } from "../../../src/checkpoint/safetensors-file.ts"
import { openSource } from "../../../src/source/open-source.ts"
import { Ffmpeg } from "../../../src/source/ffmpeg.ts"
import { Workers } from "../../../src/worker/workers.ts"
import { logMel, type LogMelSettings, melFrames } from "../../../modalities/audio/log-mel.ts"
import { openAudio } from "../../../modalities/audio/open-audio.ts"

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const settings = (bins: number, windowSeconds: number): LogMelSettings => ({ bins, windowSeconds, fftSize: 400, hop: 160, sampleRateHz: 16000 })

/** All blocks side by side, [bins, frames]. */
const joined = (blocks: ReadonlyArray<{ readonly shape: ReadonlyArray<number>; readonly data: Float32Array }>) => {
  const bins = blocks[0].shape[0]
  const frames = blocks.reduce((sum, { shape }) => sum + shape[1], 0)
  const data = new Float32Array(bins * frames)
  let from = 0
  for (const {
    data: block,
    shape: [, count]
  } of blocks) {
    for (let bin = 0; bin < bins; bin++) data.set(block.subarray(bin * count, (bin + 1) * count), bin * frames + from)
    from += count
  }
  return { shape: [bins, frames], data }
}

/** Cut into pieces of `size` samples. */
const pieces = (samples: Float32Array, size: number): Stream.Stream<Float32Array> =>
  Stream.fromIterable(Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size)))

const apart = (a: Float32Array, b: Float32Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)

layer(Workers.layer({ size: 1 }), { excludeTestServices: true })("logMel", (it) => {
  it.effect(
    "equals WhisperFeatureExtractor, however the samples come and the blocks are cut",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const facts = yield* openSafetensors(here("./log-mel.safetensors"))
          const names = [...facts.tensors.keys()].filter((name) => name.endsWith(".mel")).map((name) => name.slice(0, -4))
          expect(names.length).toBeGreaterThan(12)
          for (const name of names) {
            const [, bins, seconds] = name.split(".")
            const samples = yield* facts.floats(`${name}.samples`)
            const mel = yield* facts.floats(`${name}.mel`)
            const shape = [...(facts.tensors.get(`${name}.mel`)?.shape ?? [])]
            const one = settings(Number(bins), Number(seconds))
            expect(melFrames(samples.length, one)).toBe(shape[1])
            for (const [size, blockFrames] of [
              [16000, 100],
              [777, 7],
              [1, 1],
              [50_000, 3000]
            ]) {
              if (size === 1 && samples.length > 2000) continue
              const blocks = yield* Stream.runCollect(logMel(pieces(samples, size), one, blockFrames))
              expect(blocks.every((block) => block.shape[1] <= blockFrames)).toBe(true)
              const whole = joined(blocks)
              expect(whole.shape, name).toEqual(shape)
              expect(apart(whole.data, mel), name).toBeLessThan(3e-5)
            }
          }
        })
      ),
    120_000
  )

  it.effect("equals the golden features of a recording", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const golden = yield* openSafetensors(here("../../golden/qwen2_5_omni/cases/audio.safetensors"))
        const mel = yield* golden.floats("media.0.audio.features")
        const audio = yield* openAudio(yield* openSource({ _tag: "Path", path: here("../../golden/qwen2_5_omni/media/a.wav") }), {})
        const whole = joined(yield* Stream.runCollect(logMel(audio.samples, settings(128, 30), 100)))
        expect(whole.shape).toEqual([...(golden.tensors.get("media.0.audio.features")?.shape ?? [])])
        expect(melFrames(yield* audio.sampleCount, settings(128, 30))).toBe(whole.shape[1])
        expect(apart(whole.data, mel)).toBeLessThan(3e-5)
      })
    ).pipe(Effect.provide(Ffmpeg.layer()))
  )

  it.effect("takes a longer recording window by window, each as its own", () =>
    Effect.gen(function* () {
      const one = settings(128, 1)
      const samples = Float32Array.from({ length: 16000 * 2 + 5000 }, (_, i) => Math.sin(i * i * 1e-5) * (i < 16000 ? 0.001 : 0.5))
      const all = joined(yield* Stream.runCollect(logMel(pieces(samples, 3000), one, 40)))
      expect(all.shape).toEqual([128, 232])
      expect(melFrames(samples.length, one)).toBe(232)
      const parts = yield* Effect.forEach([0, 16000, 32000], (from) => Stream.runCollect(logMel(pieces(samples.slice(from, from + 16000), 16000), one, 100)))
      expect(apart(all.data, joined(parts.flat()).data)).toBe(0)
    })
  )

  it.effect("gives the frames behind the last sample apart, as if silence followed, as far as the window goes", () =>
    Effect.gen(function* () {
      const one = settings(128, 1)
      for (const [count, beyond] of [
        [1, 2],
        [160, 2],
        [161, 2],
        [15_520, 2],
        [15_679, 2],
        [15_681, 1],
        [15_840, 1],
        [15_841, 0],
        [16_000, 0]
      ]) {
        const samples = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.3) * 0.4)
        const blocks = yield* Stream.runCollect(logMel(pieces(samples, 3000), { ...one, beyond: 2 }, 40))
        const frames = melFrames(count, one)
        expect(blocks.map((block) => block.beyond === true)).toEqual(blocks.map((_, i) => i === blocks.length - 1))
        expect(blocks.at(-1)?.shape, `${count} samples`).toEqual([128, beyond])
        const longer = new Float32Array(Math.min(16_000, count + 320))
        longer.set(samples)
        const whole = joined(yield* Stream.runCollect(logMel(pieces(longer, 16_000), one, 100)))
        const own = joined(blocks)
        expect(own.shape).toEqual([128, frames + beyond])
        for (let bin = 0; bin < 128; bin++) {
          const row = ({ data, shape }: typeof whole) => data.subarray(bin * shape[1], bin * shape[1] + frames + beyond)
          expect(row(own)).toEqual(row(whole))
        }
      }
    })
  )

  it.effect("gives nothing for no samples, and can be run twice", () =>
    Effect.gen(function* () {
      expect(yield* Stream.runCollect(logMel(Stream.empty, settings(80, 30), 100))).toEqual([])
      const stream = logMel(Stream.make(new Float32Array(2000).fill(0.1)), settings(80, 30), 100)
      const [a, b] = [joined(yield* Stream.runCollect(stream)), joined(yield* Stream.runCollect(stream))]
      expect(apart(a.data, b.data)).toBe(0)
    })
  )

  it.effect("fails as its samples fail", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(Stream.make(new Float32Array(20_000)), Stream.fail("torn"))
      expect(yield* Effect.flip(Stream.runDrain(logMel(broken, settings(80, 30), 100)))).toBe("torn")
    })
  )

  it.effect("is interrupted at once, and leaves a worker that works", () =>
    Effect.gen(function* () {
      const endless = Stream.forever(Stream.make(new Float32Array(16000)))
      const fiber = yield* Effect.forkChild(Stream.runDrain(logMel(endless, settings(128, 30), 100)))
      yield* Effect.sleep("100 millis")
      yield* Fiber.interrupt(fiber)
      expect((yield* Stream.runCollect(logMel(Stream.make(new Float32Array(500)), settings(80, 30), 100))).length).toBe(1)
    })
  )
})
