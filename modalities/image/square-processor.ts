import { Effect, Schema } from "effect"
import { decodeConfig } from "../../src/checkpoint/config-fields.ts"
import { CheckpointUnreadable, LimitExceeded } from "../../src/core/errors.ts"
import { CurrentSourceLimits } from "../../src/source/source-limits.ts"
import type { PixelBox } from "./crop.ts"
import { clipNormalization, halves, type PictureProcessor, readPictureProcessor } from "./picture-processor.ts"
import type { PictureRecipe, RecipeStep } from "./picture-recipe.ts"
import type { PixelSize } from "./rgb-image.ts"

/** How every picture becomes a square of the encoder's size: stretched, or its shorter edge brought to a length and the middle cut out. */
export interface SquareProcessor extends PictureProcessor {
  /** Pixels along a side. */
  readonly side: number
  /** Pixels of the shorter edge before the cut; undefined: stretched. */
  readonly shortestEdge: number | undefined
}

/** What a processor does where its file does not say. */
export interface SquareDefaults {
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
  /** Pixels. */
  readonly side: number
  /** Whether the shorter edge is brought to `side` and the middle cut out. */
  readonly cut: boolean
}

/** Of transformers' `CLIPImageProcessor`. */
export const clipSquares: SquareDefaults = { ...clipNormalization, side: 224, cut: true }

/** Of its `SiglipImageProcessor`. */
export const siglipSquares: SquareDefaults = { mean: halves, std: halves, side: 224, cut: false }

const Sides = Schema.Union([
  Schema.Int,
  Schema.Struct({
    shortest_edge: Schema.optional(Schema.NullOr(Schema.Int)),
    height: Schema.optional(Schema.NullOr(Schema.Int)),
    width: Schema.optional(Schema.NullOr(Schema.Int))
  })
])
const optional = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))
const Fields = Schema.Struct({ size: optional(Sides), crop_size: optional(Sides), do_center_crop: optional(Schema.Boolean) })

/** A number stands for the shorter edge. */
const sidesOf = (size: (typeof Fields.Type)["size"]): { readonly edge?: number; readonly height?: number; readonly width?: number } | undefined => {
  if (size === undefined || size === null) return undefined
  if (typeof size === "number") return { edge: size }
  const { height, shortest_edge: edge, width } = size
  return {
    ...(edge === undefined || edge === null ? {} : { edge }),
    ...(height === undefined || height === null ? {} : { height }),
    ...(width === undefined || width === null ? {} : { width })
  }
}

/**
 * Reads a processor's file (`CLIPImageProcessor`, `SiglipImageProcessor` of transformers 5.18, and those made like them). `side`: what the encoder takes. Fails with
 * `CheckpointUnreadable` where it gives anything but squares of that side.
 */
export const readSquareProcessor = (
  file: Readonly<Record<string, unknown>>,
  path: string,
  defaults: SquareDefaults,
  side: number
): Effect.Effect<SquareProcessor, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const { crop_size, do_center_crop, size } = yield* decodeConfig(Fields, file, path)
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    const common = yield* readPictureProcessor(file, path, { filter: "bicubic", mean: defaults.mean, std: defaults.std, arithmetic: "torchvision" })
    const { edge, height, width } = sidesOf(size) ?? (defaults.cut ? { edge: defaults.side } : { height: defaults.side, width: defaults.side })
    if (do_center_crop ?? defaults.cut) {
      const { edge: whole, ...cut } = sidesOf(crop_size) ?? { edge: defaults.side }
      if ((cut.height ?? whole) !== side || (cut.width ?? whole) !== side)
        return yield* refuse("crop_size", `is ${JSON.stringify(crop_size ?? defaults.side)}; the encoder takes ${side} x ${side} pixels`)
      if (edge !== undefined && edge >= 1) return { ...common, side, shortestEdge: edge }
    }
    if (height !== side || width !== side || edge !== undefined)
      return yield* refuse("size", `is ${JSON.stringify(size ?? defaults.side)}; the encoder takes ${side} x ${side} pixels`)
    return { ...common, side, shortestEdge: undefined }
  })

/** A picture of `size` with its shorter edge as `edge` pixels (`get_resize_output_image_size` of transformers' `image_transforms`). */
export const shortestEdge = ({ height, width }: PixelSize, edge: number): PixelSize =>
  width <= height ? { width: edge, height: Math.trunc((edge * height) / width) } : { width: Math.trunc((edge * width) / height), height: edge }

/** The middle of a picture, over its edge where it is smaller (`center_crop` of transformers' torchvision backend). */
export const middle = ({ height, width }: PixelSize, side: number): PixelBox => {
  const start = (length: number) => (length < side ? -Math.floor((side - length) / 2) : Math.floor((length - side) / 2))
  return { left: start(width), top: start(height), width: side, height: side }
}

/** The least square around a picture, the picture in its middle (`expand2square` of the published LLaVA, `pad_to_square`). */
export const aroundSquare = ({ height, width }: PixelSize): PixelBox => {
  const side = Math.max(height, width)
  return { left: -Math.floor((side - width) / 2), top: -Math.floor((side - height) / 2), width: side, height: side }
}

/** What padding is filled with so that it is about 0 after normalization: int(mean x 255). */
export const meanColour = ({ normalization: { mean } }: PictureProcessor): readonly [number, number, number] => [
  Math.trunc(mean[0] * 255),
  Math.trunc(mean[1] * 255),
  Math.trunc(mean[2] * 255)
]

/** The steps that make the square of picture number `of`, which has `size`; the last one makes it. `at`: how many steps stand before. */
export const squareSteps = (size: PixelSize, { resample, shortestEdge: edge, side }: SquareProcessor, of = 0, at = 0): ReadonlyArray<RecipeStep> => {
  if (edge === undefined) return [{ _tag: "Resize", of, size: { width: side, height: side }, resample }]
  const resized = shortestEdge(size, edge)
  const box = middle(resized, side)
  return box.left >= 0 && box.top >= 0
    ? [{ _tag: "Resize", of, size: resized, resample, box }]
    : [
        { _tag: "Resize", of, size: resized, resample },
        { _tag: "Crop", of: at + 1, box }
      ]
}

/** A picture of `size` as one square; `padded`: in the middle of a square of the mean colour first. */
export const squareRecipe = (size: PixelSize, processor: SquareProcessor, padded = false): PictureRecipe => {
  const box = aroundSquare(size)
  const pad: ReadonlyArray<RecipeStep> = padded && size.width !== size.height ? [{ _tag: "Crop", of: 0, box, fill: meanColour(processor) }] : []
  const steps = [...pad, ...squareSteps(padded ? box : size, processor, pad.length, pad.length)]
  return { steps, wanted: [steps.length], normalization: processor.normalization }
}

/** Pixels of the longer side that a resize may reach: only the middle is made of it, but every pixel's weights are looked at. */
const MAX_SIDE = 2 ** 24

/** `squareRecipe` of a picture from outside. Fails with `LimitExceeded` for one so long that its square, or its longer side beside an enlarged shorter one, passes all bounds. */
export const squarePicture = (
  media: PixelSize & { readonly name: string },
  processor: SquareProcessor,
  padded = false
): Effect.Effect<PictureRecipe, LimitExceeded> =>
  Effect.gen(function* () {
    const { maxPixels } = yield* CurrentSourceLimits
    const size = padded ? aroundSquare(media) : media
    const refuse = (limit: string, needed: number, allowed: number, what: string) =>
      new LimitExceeded({
        stage: "plan",
        source: media.name,
        limit,
        needed,
        allowed,
        message: `${media.name}: ${media.width} x ${media.height} pixels become ${what}; at most ${allowed} are made`
      })
    if (size.width * size.height > maxPixels)
      return yield* refuse("pixels", size.width * size.height, maxPixels, `a square of ${size.width * size.height} pixels`)
    const resized = processor.shortestEdge === undefined ? size : shortestEdge(size, processor.shortestEdge)
    const longest = Math.max(resized.width, resized.height)
    if (longest > MAX_SIDE)
      return yield* refuse("pixels of the longer side", longest, MAX_SIDE, `${longest} pixels long when their shorter side becomes ${processor.shortestEdge}`)
    return squareRecipe(media, processor, padded)
  })
