import { Effect, Stream } from "effect"
import sharp from "sharp"
import { describe, expect, it } from "vitest"
import { image } from "../../src/face/media-values.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { goldenFolders } from "../conformance/golden-folders.ts"
import { checkpoints, planOf } from "./changed-checkpoint.ts"

/** What a processor does with alpha: qwen-omni-utils' `to_rgb` and `MllamaImageProcessor.convert_to_rgb` lay it on white, all others call Pillow's `convert("RGB")`. */
const alphaOf: Readonly<Record<string, "white" | "dropped">> = {
  gemma3: "dropped",
  idefics3: "dropped",
  llava: "dropped",
  llava_onevision: "dropped",
  llava_uhd: "dropped",
  minicpmv: "dropped",
  mllama: "white",
  mobilevlm: "dropped",
  phi4_multimodal: "dropped",
  qwen2_5_omni: "white",
  qwen2_5_vl: "dropped",
  qwen2_vl: "dropped",
  qwen3_vl: "dropped"
}

const [width, height] = [48, 40]
/** Colours that differ everywhere; every third pixel is transparent, the others are not: white shows through whole or not at all, without rounding. */
const colours = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + Math.floor(i / 90) * 11) % 256)
const isSeen = (pixel: number): boolean => pixel % 3 !== 0
const pixels = Array.from({ length: width * height }, (_, pixel) => Array.from(colours.subarray(pixel * 3, pixel * 3 + 3)))
const png = (levels: ReadonlyArray<number>, channels: 3 | 4, orientation?: number) => {
  const raw = sharp(Buffer.from(levels), { raw: { width, height, channels } })
  return Effect.promise(() => (orientation === undefined ? raw : raw.withMetadata({ orientation })).png().toBuffer())
}

/** What the encoder is given of one picture. */
const features = (model: LoadedModel, bytes: Uint8Array, options: Parameters<typeof image>[1] = {}) =>
  Effect.gen(function* () {
    const { plan } = yield* planOf(model, image(bytes, options), "What?")
    const [{ stages }] = plan.media
    if (stages === undefined) throw new Error("the producer does not show its features")
    return (yield* Stream.runCollect(stages.features)).map(({ data, shape }) => ({ shape, data: Array.from(data) }))
  })

describe.each(goldenFolders.filter(({ family }) => family in alphaOf))("$name", ({ family, name }) => {
  const { folder, open, run } = checkpoints(name)

  it(`a transparent pixel is ${alphaOf[family] === "white" ? "white" : "its colour"}, as the published processor has it`, () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const [withAlpha, dropped, white] = [
          yield* png(
            pixels.flatMap((levels, pixel) => [...levels, isSeen(pixel) ? 255 : 0]),
            4
          ),
          yield* png(pixels.flat(), 3),
          yield* png(
            pixels.flatMap((levels, pixel) => (isSeen(pixel) ? levels : [255, 255, 255])),
            3
          )
        ]
        const seen = yield* features(model, withAlpha)
        const [same, other] = alphaOf[family] === "white" ? [white, dropped] : [dropped, white]
        expect(seen).toEqual(yield* features(model, same))
        expect(seen).not.toEqual(yield* features(model, other))
        // A person's own word goes before the family's.
        expect(yield* features(model, withAlpha, { family: { alpha: "dropped" } })).toEqual(yield* features(model, dropped))
      })
    ))

  it("a picture is turned as its EXIF says, and stands as it is stored where that is to be ignored, as in every reference", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        // Orientation 6: the first row stands at the right.
        const turned = yield* png(pixels.flat(), 3, 6)
        const stored = yield* png(pixels.flat(), 3)
        const upright = yield* Effect.promise(() => sharp(stored).rotate(90).png().toBuffer())
        expect(yield* features(model, turned, { exif: false })).toEqual(yield* features(model, stored))
        expect(yield* features(model, turned)).toEqual(yield* features(model, upright))
        expect(yield* features(model, upright)).not.toEqual(yield* features(model, stored))
      })
    ))
})
