import { expect, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { openSafetensors } from "../../../src/checkpoint/safetensors-file.ts"
import { Workers } from "../../../src/worker/workers.ts"
import { filterBank, filterBankFrames, type FilterBankSettings } from "../../../modalities/audio/filter-bank.ts"

const settings: FilterBankSettings = {
  fftSize: 512,
  hop: 160,
  windowLength: 400,
  bins: 80,
  sampleRateHz: 16000,
  minHertz: 0,
  maxHertz: 7690,
  preemphasis: 0.97
}

const pieces = (samples: Float32Array, size: number): Stream.Stream<Float32Array> =>
  Stream.fromIterable(Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size)))

layer(Workers.layer({ size: 1 }), { excludeTestServices: true })("filterBank", (it) => {
  it.effect("equals Phi4MultimodalFeatureExtractor, however the samples come and the blocks are cut", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const facts = yield* openSafetensors(fileURLToPath(new URL("./filter-bank.safetensors", import.meta.url)))
        const names = [...facts.tensors.keys()].filter((name) => name.endsWith(".samples")).map((name) => name.slice(0, -8))
        expect(names.length).toBe(7)
        for (const name of names) {
          const samples = yield* facts.floats(`${name}.samples`)
          const energies = yield* facts.floats(`${name}.energies`)
          expect(filterBankFrames(samples.length, settings), name).toBe(energies.length / 80)
          for (const [size, blockFrames] of [
            [16000, 100],
            [777, 7],
            [161, 1]
          ]) {
            const blocks = yield* Stream.runCollect(filterBank(pieces(samples, size), settings, blockFrames))
            expect(blocks.every(({ shape: [frames, bins] }) => frames >= 1 && frames <= blockFrames && bins === 80)).toBe(true)
            const own = Float32Array.from(blocks.flatMap(({ data }) => Array.from(data)))
            expect(own.length, name).toBe(energies.length)
            expect(
              own.reduce((most, value, i) => Math.max(most, Math.abs(value - energies[i])), 0),
              name
            ).toBeLessThan(2e-4)
          }
        }
      })
    )
  )

  it.effect("leaves out samples behind the last whole frame, and gives nothing for less than one", () =>
    Effect.gen(function* () {
      expect([0, 399, 400, 559, 560, 800].map((samples) => filterBankFrames(samples, settings))).toEqual([0, 0, 1, 1, 2, 3])
      expect(yield* Stream.runCollect(filterBank(Stream.make(new Float32Array(399).fill(0.1)), settings, 10))).toEqual([])
      const sound = Float32Array.from({ length: 559 }, (_, i) => Math.sin(i * 0.1) * 0.3)
      const [whole] = yield* Stream.runCollect(filterBank(Stream.make(sound), settings, 10))
      const [cut] = yield* Stream.runCollect(filterBank(Stream.make(sound.slice(0, 400)), settings, 10))
      expect(whole).toEqual(cut)
    })
  )

  it.effect("fails as its samples fail, and can be run twice", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(Stream.make(new Float32Array(2000)), Stream.fail("torn"))
      expect(yield* Effect.flip(Stream.runDrain(filterBank(broken, settings, 4)))).toBe("torn")
      const stream = filterBank(Stream.make(new Float32Array(2000).fill(0.1)), settings, 4)
      expect(yield* Stream.runCollect(stream)).toEqual(yield* Stream.runCollect(stream))
    })
  )
})
