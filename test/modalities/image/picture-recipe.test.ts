import { describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expect } from "vitest"
import { cutStrip, patchStrip } from "../../../modalities/image/patch-strip.ts"
import { followRecipe, type PictureRecipe } from "../../../modalities/image/picture-recipe.ts"
import type { RgbImage } from "../../../modalities/image/rgb-image.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A picture whose levels say where they stand. */
const picture = (width: number, height: number): RgbImage => ({ width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256) })

/** Levels as they are. */
const normalization = { mean: [0, 0, 0], std: [1, 1, 1], rescaleFactor: 1, order: "fused" } as const

describe("recipes of pictures", () => {
  it("crops stand where they were cut, channels apart", () => {
    const image = picture(4, 3)
    const recipe: PictureRecipe = { normalization, wanted: [1, 0], steps: [{ _tag: "Crop", of: 0, box: { left: 1, top: 1, width: 2, height: 2 } }] }
    const [cut, whole] = followRecipe(image, recipe)
    const level = (x: number, y: number, channel: number) => image.data[(y * 4 + x) * 3 + channel]
    expect([cut.width, cut.height]).toEqual([2, 2])
    expect(Array.from(cut.data)).toEqual(
      [0, 1, 2].flatMap((channel) => [level(1, 1, channel), level(2, 1, channel), level(1, 2, channel), level(2, 2, channel)])
    )
    expect(whole.data[4 * 3 * 2 + 5]).toBe(level(1, 1, 2))
  })

  it("what goes over the edge is filled", () => {
    const box = { left: -1, top: 0, width: 3, height: 2 }
    const steps = [
      { _tag: "Crop", of: 0, box, fill: [9, 8, 7] },
      { _tag: "Crop", of: 0, box }
    ] as const
    const [filled, black] = followRecipe({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) }, { normalization, wanted: [1, 2], steps })
    expect(Array.from(filled.data)).toEqual([9, 1, 9, 9, 9, 9, 8, 2, 8, 8, 8, 8, 7, 3, 7, 7, 7, 7])
    expect(Array.from(black.data)).toEqual([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0])
  })

  it("a step may go on from any earlier one, and levels are normalized at the end", () => {
    const resample = { filter: "bilinear", rounding: "torchvision" } as const
    const recipe: PictureRecipe = {
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], rescaleFactor: 1 / 255, order: "separate" },
      wanted: [2],
      steps: [
        { _tag: "Resize", of: 0, size: { width: 6, height: 2 }, resample },
        { _tag: "Crop", of: 1, box: { left: 2, top: 0, width: 2, height: 2 } }
      ]
    }
    const white: RgbImage = { width: 3, height: 5, data: new Uint8Array(45).fill(255) }
    const [made] = followRecipe(white, recipe)
    expect(Array.from(made.data)).toEqual(Array.from({ length: 12 }, () => 1))
  })
})

describe("strips of patches", () => {
  it.prop(
    "every pixel stands in its patch, patches row by row, picture by picture; a part cut out is that picture's strip",
    [int(1, 5), int(1, 4), int(1, 4), int(1, 4), int(1, 4)],
    ([patch, w1, h1, w2, h2]) => {
      const sizes = [
        [w1, h1],
        [w2, h2]
      ] as const
      const planes = sizes.map(([w, h]) => followRecipe(picture(w * patch, h * patch), { normalization, wanted: [0], steps: [] })[0])
      const { data, patches } = patchStrip(planes, patch)
      expect(patches).toBe(w1 * h1 + w2 * h2)
      expect(data.length).toBe(3 * patch * patches * patch)
      let [first, same] = [0, true]
      planes.forEach((plane, which) => {
        const [w] = sizes[which]
        for (let channel = 0; channel < 3; channel++) {
          for (let y = 0; y < plane.height; y++) {
            for (let x = 0; x < plane.width; x++) {
              const number = first + Math.floor(y / patch) * w + Math.floor(x / patch)
              const at = (channel * patch + (y % patch)) * patches * patch + number * patch + (x % patch)
              if (data[at] !== plane.data[(channel * plane.height + y) * plane.width + x]) same = false
            }
          }
        }
        const count = w * sizes[which][1]
        expect(cutStrip(data, patch, patches, first, count)).toEqual(patchStrip([plane], patch).data)
        first += count
      })
      expect(same).toBe(true)
    },
    { arbitrary: { runs: 200 } }
  )

  it("a side that is no multiple of a patch is refused", () => {
    expect(() => patchStrip(followRecipe(picture(5, 4), { normalization, wanted: [0], steps: [] }), 2)).toThrow("5 x 4 is not a multiple of 2")
  })
})
