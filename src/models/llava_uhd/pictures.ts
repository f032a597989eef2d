import { Effect, Option, Schema, Stream } from "effect"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import { pixelsOption } from "../../../modalities/image/patch-processor.ts"
import type { PictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { PictureRecipe, RecipeStep } from "../../../modalities/image/picture-recipe.ts"
import { recipePictures } from "../../../modalities/image/preprocess.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import { type AdaptiveGrid, adaptiveGrid } from "../../../modalities/image/slicing/adaptive-grid.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../core/embedding-producer.ts"
import { LimitExceeded, type PlanError } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan } from "../../core/media-plan.ts"
import { Workers } from "../../worker/workers.ts"
import { encodeParts, PART_ROWS, type PartEncoder } from "./encoder.ts"

/** Options of a picture. */
export const pictureOptions = ["maxSliceNums", "scaleResolution", "longestEdge"] as const

/** Slices at the most, and what the long side is scaled to first (`llava/eval/model_vqa_loader.py`). */
const [MAX_SLICES, LONGEST_EDGE] = [7, 1024]

/** Patches of a slice at the most: one that is a few pixels high grows long, and what its patches take grows with their square. */
const MAX_PATCHES = 4096

/** The longer side as `longest` pixels, also where that enlarges (`resize_image_keep_ratio`). */
export const longestEdge = ({ height, width }: PixelSize, longest: number): PixelSize =>
  width > height ? { width: longest, height: Math.trunc((longest / width) * height) } : { width: Math.trunc((longest / height) * width), height: longest }

/** How the published slicer cuts (`slice_image_minicpm`). */
export const gridOf = (size: PixelSize, scale: number, patch: number, maxSlices: number): AdaptiveGrid =>
  adaptiveGrid(size, { scale, unit: patch, maxSlices, rounding: "down", ties: "fewest columns" })

interface Cut {
  readonly recipe: PictureRecipe
  /** Of slices row by row, then the overview. */
  readonly sizes: ReadonlyArray<PixelSize>
  readonly grid: AdaptiveGrid
}

/** What the producer of pictures is made with. */
export interface PictureParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  /** Pixels that a slice has about, along a side, where nobody says otherwise: the encoder's own. */
  readonly scale: number
  readonly processor: PictureProcessor
  readonly workers: Workers["Service"]
  readonly encoder: PartEncoder
}

/** A picture of another scale than the published one is sliced as it is, unless it is told what to bring it to first. */
const cut = (media: ImageMedia, { encoder: { patch }, processor, scale }: PictureParts): Effect.Effect<Cut, PlanError> =>
  Effect.gen(function* () {
    const { options } = media
    const { normalization, resample } = processor
    const first =
      options.longestEdge === undefined && options.scaleResolution !== undefined
        ? undefined
        : longestEdge(media, yield* pixelsOption(options, "longestEdge", LONGEST_EDGE))
    if (first !== undefined && (first.width < 1 || first.height < 1)) {
      return yield* new LimitExceeded({
        stage: "plan",
        source: media.name,
        limit: "aspect ratio",
        needed: Math.max(media.width, media.height) / Math.min(media.width, media.height),
        allowed: Math.max(first.width, first.height),
        message: `${media.name}: ${media.width} x ${media.height} pixels would lose all of their shorter side when the longer becomes ${Math.max(first.width, first.height)}`
      })
    }
    const grid = gridOf(first ?? media, yield* pixelsOption(options, "scaleResolution", scale), patch, yield* pixelsOption(options, "maxSliceNums", MAX_SLICES))
    const { overview, refined, slices } = grid
    const longest = [overview, ...slices].reduce((most, { height, width }) => Math.max(most, (width * height) / patch ** 2), 0)
    if (longest > MAX_PATCHES) {
      return yield* new LimitExceeded({
        stage: "plan",
        source: media.name,
        limit: "patches of a slice",
        needed: longest,
        allowed: MAX_PATCHES,
        message: `${media.name}: ${media.width} x ${media.height} pixels have slices of ${longest} patches; at most ${MAX_PATCHES} look at each other`
      })
    }
    const steps: Array<RecipeStep> = first === undefined ? [] : [{ _tag: "Resize", of: 0, size: first, resample }]
    const source = steps.length
    if (refined !== undefined)
      steps.push({ _tag: "Resize", of: source, size: refined, resample }, ...slices.map((box): RecipeStep => ({ _tag: "Crop", of: source + 1, box })))
    steps.push({ _tag: "Resize", of: source, size: overview, resample })
    return {
      grid,
      recipe: { steps, wanted: [...slices.map((_, i) => source + 2 + i), steps.length], normalization },
      sizes: [...slices, overview].map(({ height, width }) => ({ width: width / patch, height: height / patch }))
    }
  })

/** Pictures: slices where they are large, then the whole, each seen by the same resampler. */
export const pictures = (parts: PictureParts): EmbeddingProducer<NoSettings> => {
  const cuts = new WeakMap<MediaPlan, Cut>()
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id: parts.id,
    width: parts.width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs({ alpha: "dropped" })) : Option.none()),
    atLeast: () => PART_ROWS,
    plan: (media, _, common) =>
      Effect.map(cut(media, parts), (made) => {
        const {
          grid: { columns, rows, slices },
          sizes
        } = made
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: sizes.length * PART_ROWS,
          pieces: sizes.map((_, i) => ({ rows: PART_ROWS, ...(i < slices.length ? { tile: [Math.floor(i / columns), i % columns] as const } : {}) })),
          geometry: { slices: [rows, columns], sizes: sizes.flatMap(({ height, width }) => [height, width]) }
        }
        cuts.set(plan, made)
        return plan
      }),
    encode: {
      features: (media, plan) => {
        const made = cuts.get(plan)
        return made === undefined
          ? Stream.empty
          : Stream.fromEffect(
              Effect.flatMap(media.pixels, (pixels) =>
                Effect.map(recipePictures(pixels, made.recipe, { consume: true }), (pictures): FeatureBlock => {
                  const data = new Float32Array(pictures.reduce((sum, picture) => sum + picture.data.length, 0))
                  pictures.reduce((at, picture) => {
                    data.set(picture.data, at)
                    return at + picture.data.length
                  }, 0)
                  return { shape: [data.length], data }
                })
              ).pipe(Effect.provideService(Workers, parts.workers))
            )
      },
      fromFeatures: (features, plan) => encodeParts(parts.encoder, features, plan, cuts.get(plan)?.sizes ?? [])
    }
  })
}

const Pair = Schema.Tuple([Schema.Int, Schema.Int])
const Slicing = Schema.Array(
  Schema.Struct({ width: Schema.Int, height: Schema.Int, limit: Schema.Int, rows: Schema.Int, cols: Schema.Int, overview: Pair, slice: Schema.optional(Pair) })
)

/** Compares slicing.json: at the published settings (336, patches of 14), what each picture is cut into. */
export const slicingTable = (table: unknown): ReadonlyArray<string> => {
  const rows = Option.getOrUndefined(Schema.decodeUnknownOption(Slicing)(table))
  if (rows === undefined) return ["not a list of pictures with their grids"]
  return rows.flatMap(({ cols, height, limit, overview, rows: wanted, slice, width }) => {
    const grid = gridOf({ width, height }, 336, 14, limit)
    const [first] = grid.slices
    const own = [grid.rows, grid.columns, grid.overview.height, grid.overview.width, ...(first === undefined ? [] : [first.height, first.width])]
    const reference = [wanted, cols, ...overview, ...(slice ?? [])]
    return own.join() === reference.join() ? [] : [`${width} x ${height}, at most ${limit}: ${own.join(", ")}; the reference has ${reference.join(", ")}`]
  })
}
