import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import { followRecipe } from "../../../modalities/image/picture-recipe.ts"
import {
  aroundSquare,
  clipSquares,
  meanColour,
  middle,
  readSquareProcessor,
  shortestEdge,
  siglipSquares,
  squarePicture,
  squareRecipe
} from "../../../modalities/image/square-processor.ts"
import { CurrentSourceLimits, defaultSourceLimits } from "../../../src/source/source-limits.ts"
import { picture } from "./picture.ts"

const read = (file: Readonly<Record<string, unknown>>, defaults = clipSquares, side = 56) => readSquareProcessor(file, "processor", defaults, side)

describe("squares", () => {
  it("are resized and cut as transformers 5.18 does it", () => {
    // Width, height, shorter edge, cut; size after the resize, corner of the cut: made by CLIPImageProcessor.
    for (const [width, height, edge, side, resized, corner] of [
      [130, 90, 56, 56, [80, 56], [12, 0]],
      [60, 150, 56, 56, [56, 140], [0, 42]],
      [3, 2, 56, 56, [84, 56], [14, 0]],
      [2, 3, 336, 336, [336, 504], [0, 84]],
      [641, 427, 336, 336, [504, 336], [84, 0]],
      [427, 641, 224, 224, [224, 336], [0, 56]],
      [1000, 333, 100, 120, [300, 100], [90, -10]],
      [333, 1000, 100, 121, [100, 300], [-10, 89]],
      [57, 57, 56, 55, [56, 56], [0, 0]],
      [1, 1, 14, 28, [14, 14], [-7, -7]],
      [199, 100, 33, 32, [65, 33], [16, 0]]
    ] as const) {
      const size = shortestEdge({ width, height }, edge)
      expect([size.width, size.height]).toEqual(resized)
      const box = middle(size, side)
      expect([box.left + 0, box.top + 0, box.width, box.height]).toEqual([...corner, side, side])
    }
  })

  it("are padded as transformers 5.18 and the published LLaVA do it", () => {
    for (const [width, height, corner, side] of [
      [5, 2, [0, -1], 5],
      [2, 5, [-1, 0], 5],
      [3, 2, [0, 0], 3],
      [7, 7, [0, 0], 7],
      [1, 4, [-1, 0], 4]
    ] as const) {
      const box = aroundSquare({ width, height })
      expect([box.left + 0, box.top + 0, box.width, box.height]).toEqual([...corner, side, side])
    }
  })

  it.effect("padding has int(mean * 255), which is the encoder's zero but for the fraction", () =>
    Effect.gen(function* () {
      const processor = yield* read({ size: 56, crop_size: 56 })
      expect(meanColour(processor)).toEqual([122, 116, 104])
      const [planes] = followRecipe(picture(20, 10, 3), squareRecipe({ width: 20, height: 10 }, processor, true))
      expect([planes.width, planes.height]).toEqual([56, 56])
      for (let channel = 0; channel < 3; channel++) expect(Math.abs(planes.data[channel * 56 * 56])).toBeLessThan(0.015)
    })
  )

  it.effect("are read from every layout that processors' files have had", () =>
    Effect.gen(function* () {
      const cut = { side: 56, shortestEdge: 56 }
      const stretched = { side: 56, shortestEdge: undefined }
      expect(yield* read({ size: 56, crop_size: 56 })).toMatchObject(cut)
      expect(yield* read({ size: { shortest_edge: 60 }, crop_size: { height: 56, width: 56 } })).toMatchObject({ side: 56, shortestEdge: 60 })
      expect(yield* read({ size: { height: 56, width: 56 }, crop_size: { height: 56, width: 56 } })).toMatchObject(stretched)
      expect(yield* read({}, clipSquares, 224)).toMatchObject({ side: 224, shortestEdge: 224 })
      expect(yield* read({}, siglipSquares, 224)).toMatchObject({ side: 224, shortestEdge: undefined })
      expect(yield* read({ size: { height: 56, width: 56 }, crop_size: null, do_center_crop: null }, siglipSquares)).toMatchObject(stretched)
      expect(yield* read({ size: { height: 56, width: 56 }, do_center_crop: false })).toMatchObject(stretched)
    })
  )

  it.effect("of another size than the encoder's are refused, and the field named", () =>
    Effect.gen(function* () {
      for (const [file, field] of [
        [{ size: 56, crop_size: 57 }, "crop_size"],
        [{ size: { shortest_edge: 56 }, do_center_crop: false }, "size"],
        [{ size: { height: 57, width: 56 }, do_center_crop: false }, "size"],
        [{ size: { height: 40, width: 40 }, crop_size: 56 }, "size"],
        [{ size: 0, crop_size: 56 }, "size"],
        [{ size: "large" }, "size"],
        [{ size: 56, crop_size: 56, resample: 17 }, "resample"]
      ] as const) {
        const failure = yield* Effect.flip(read(file))
        expect(failure).toMatchObject({ _tag: "CheckpointUnreadable", path: "processor" })
        expect(failure.message).toContain(field)
      }
    })
  )

  it.effect("a picture that would fill memory on its way to a square is refused before it is made", () =>
    Effect.gen(function* () {
      const processor = yield* read({ size: 56, crop_size: 56 })
      const line = { name: "line.png", width: 1_000_000, height: 1 }
      expect(yield* Effect.flip(squarePicture(line, processor))).toMatchObject({
        _tag: "LimitExceeded",
        limit: "pixels of the longer side",
        needed: 56_000_000,
        source: "line.png"
      })
      expect(yield* Effect.flip(squarePicture(line, processor, true))).toMatchObject({ _tag: "LimitExceeded", limit: "pixels", needed: 1e12 })
      const strict = Effect.provideService(squarePicture({ name: "a.png", width: 40, height: 30 }, processor, true), CurrentSourceLimits, {
        ...defaultSourceLimits,
        maxPixels: 1500
      })
      expect(yield* Effect.flip(strict)).toMatchObject({ _tag: "LimitExceeded", needed: 1600, allowed: 1500 })
    })
  )

  it.effect("a long picture costs no more than its middle", () =>
    Effect.gen(function* () {
      const processor = yield* read({ size: 56, crop_size: 56 })
      const recipe = yield* squarePicture({ name: "line.png", width: 100_000, height: 1 }, processor)
      const line = { width: 100_000, height: 1, data: new Uint8Array(300_000).map((_, i) => Math.floor(i / 3) % 256) }
      const [planes] = followRecipe(line, recipe)
      expect([planes.width, planes.height, planes.data.length]).toEqual([56, 56, 3 * 56 * 56])
    })
  )
})
