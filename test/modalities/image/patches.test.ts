import { expect, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { openSafetensors } from "../../../src/checkpoint/safetensors-file.ts"
import { Workers } from "../../../src/worker/workers.ts"
import { normalizationTable } from "../../../modalities/image/normalization.ts"
import { patchify } from "../../../modalities/image/patches.ts"
import { patchFeatures, resizeImage } from "../../../modalities/image/preprocess.ts"
import { smartResize } from "../../../modalities/image/smart-resize.ts"
import { openBytes } from "./open-bytes.ts"
import { picture } from "./picture.ts"

const golden = (path: string): URL => new URL(`../../golden/qwen2_5_omni/${path}`, import.meta.url)
const clip = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711], rescaleFactor: 1 / 255, order: "separate" } as const
const layout = { patchSize: 14, temporalPatchSize: 2, mergeSize: 2 }

layer(Workers.layer({ size: 1 }), { excludeTestServices: true })("patches", (it) => {
  it.effect("of a picture equal the golden features, bit for bit", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const facts = yield* openSafetensors(fileURLToPath(golden("cases/image.safetensors")))
        const features = yield* facts.floats("media.0.image.features")
        const image = yield* openBytes(readFileSync(golden("media/a.png")))
        const size = yield* smartResize(image, { factor: 28, minPixels: 3136, maxPixels: 18816 }, image.name)
        const pixels = yield* image.pixels
        const patches = yield* patchFeatures(
          [pixels],
          { ...layout, size, resample: { filter: "bicubic", rounding: "pillow" }, normalization: clip },
          { consume: true }
        )
        expect(pixels.data.byteLength).toBe(0)
        const grid = yield* facts.read("media.0.image.grid")
        expect(patches.grid).toEqual(Array.from(grid.data, Number))
        expect(Buffer.compare(Buffer.from(patches.data.buffer), Buffer.from(features.buffer, features.byteOffset, features.byteLength))).toBe(0)
      })
    )
  )

  it.effect("stand in merge-block order, channels before frames, the last frame repeated", () =>
    Effect.sync(() => {
      const frames = [0, 1, 2].map((seed) => picture(12, 8, seed * 2 + 2))
      const table = Float32Array.from({ length: 768 }, (_, i) => i)
      const { data, grid } = patchify(frames, { patchSize: 2, temporalPatchSize: 2, mergeSize: 2 }, table)
      expect(grid).toEqual([2, 4, 6])
      const width = 3 * 2 * 2 * 2
      let wrong = 0
      for (let t = 0; t < 2; t++)
        for (let y = 0; y < 4; y++)
          for (let x = 0; x < 6; x++) {
            const row = t * 24 + ((y >> 1) * 3 + (x >> 1)) * 4 + (y & 1) * 2 + (x & 1)
            for (let c = 0; c < 3; c++)
              for (let f = 0; f < 2; f++)
                for (let j = 0; j < 2; j++)
                  for (let i = 0; i < 2; i++) {
                    const level = frames[Math.min(2, t * 2 + f)].data[((y * 2 + j) * 12 + x * 2 + i) * 3 + c]
                    if (data[row * width + ((c * 2 + f) * 2 + j) * 2 + i] !== c * 256 + level) wrong++
                  }
          }
      expect(wrong).toBe(0)
      expect(() => patchify([picture(12, 10, 2)], { patchSize: 2, temporalPatchSize: 2, mergeSize: 2 }, table)).toThrow(/multiple of 4/)
      expect(() => patchify([picture(12, 8, 2), picture(8, 8, 2)], { patchSize: 2, temporalPatchSize: 2, mergeSize: 2 }, table)).toThrow(/several sizes/)
    })
  )

  it.effect("keep what is not handed over, and pictures of the size already", () =>
    Effect.gen(function* () {
      const image = picture(40, 30, 4)
      const half = yield* resizeImage(image, { width: 20, height: 15 }, { filter: "bicubic", rounding: "torchvision" })
      expect([half.width, half.height, half.data.length]).toEqual([20, 15, 900])
      expect(image.data.length).toBe(3600)
      expect(yield* resizeImage(image, { width: 40, height: 30 }, { filter: "bicubic", rounding: "torchvision" })).toBe(image)
    })
  )

  it.effect("are interrupted while they are made", () =>
    Effect.gen(function* () {
      const image = picture(3000, 2000, 6)
      const workers = yield* Workers
      const fiber = yield* Effect.forkChild(resizeImage(image, { width: 2800, height: 1960 }, { filter: "lanczos", rounding: "pillow" }))
      yield* Effect.sleep("80 millis")
      yield* Fiber.interrupt(fiber)
      expect(yield* workers.threads).toBe(0)
      const again = yield* resizeImage(picture(4, 4, 1), { width: 2, height: 2 }, { filter: "bicubic", rounding: "pillow" })
      expect(again.width).toBe(2)
    })
  )

  it.effect("tables follow float32 step by step", () =>
    Effect.sync(() => {
      // numpy 2.4: ((np.float64(200) * (1 / 255)).astype(float32) - float32(mean)) / float32(std); torch 2.13: (200 - mean * 255) / (std * 255) in float32.
      const separate = normalizationTable(clip)
      const fused = normalizationTable({ ...clip, order: "fused" })
      expect([separate[200], separate[456], separate[712]]).toEqual([1.12742280960083, 1.249456524848938, 1.3637934923171997])
      expect([fused[200], fused[456], fused[712]]).toEqual([1.1274226903915405, 1.2494564056396484, 1.3637934923171997])
    })
  )
})
