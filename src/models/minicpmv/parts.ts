import { Effect, Option, Stream } from "effect"
import { type ImageMedia, isImageMedia } from "../../../modalities/image/image-media.ts"
import { pixelsOption } from "../../../modalities/image/patch-processor.ts"
import type { PatchStrip } from "../../../modalities/image/patch-strip.ts"
import type { PictureRecipe, RecipeStep } from "../../../modalities/image/picture-recipe.ts"
import { recipeStrip } from "../../../modalities/image/preprocess.ts"
import type { PixelSize } from "../../../modalities/image/rgb-image.ts"
import { type AdaptiveGrid, adaptiveGrid } from "../../../modalities/image/slicing/adaptive-grid.ts"
import { pickFrames } from "../../../modalities/video/pick-frames.ts"
import { VideoMedia } from "../../../modalities/video/video-media.ts"
import { type EmbeddingProducer, make, type NoSettings } from "../../core/embedding-producer.ts"
import { LimitExceeded, OptionInvalid } from "../../core/errors.ts"
import type { FeatureBlock, MediaPlan, Piece } from "../../core/media-plan.ts"
import type { Media } from "../../core/source.ts"
import { Workers } from "../../worker/workers.ts"
import type { DownsampleMode } from "./config.ts"
import { encodeParts, type PartEncoder } from "./encoder.ts"
import type { PartSize } from "./part-inputs.ts"
import type { SliceProcessor } from "./processor-settings.ts"

/** Options of a medium, as its processor's configuration names them. */
export const partOptions = ["maxSliceNums", "scaleResolution", "downsampleMode"] as const

/** What the producers are made with. */
export interface PartParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly workers: Workers["Service"]
  readonly encoder: PartEncoder
  /** Whether rows' number can be chosen (4.6). */
  readonly hasModes: boolean
}

/** How the published slicer of one version cuts. */
export const gridOf = (
  size: PixelSize,
  { maxSlices, scale, unit }: { readonly maxSlices: number; readonly scale: number; readonly unit: number },
  hasModes: boolean
): AdaptiveGrid => adaptiveGrid(size, { maxSlices, scale, unit, rounding: "nearest", ties: hasModes ? "most rows" : "fewest columns" })

/** A picture or frame, cut: the overview, then slices row by row. */
interface Cut {
  readonly recipe: PictureRecipe
  readonly sizes: ReadonlyArray<PartSize>
  readonly pieces: ReadonlyArray<Piece>
  readonly mode: DownsampleMode
  readonly grid: AdaptiveGrid
}

const modeOf = (options: MediaPlan["settings"], hasModes: boolean, otherwise: DownsampleMode): Effect.Effect<DownsampleMode, OptionInvalid> => {
  const { downsampleMode = otherwise } = options
  return (downsampleMode === "16x" || downsampleMode === "4x") && (hasModes || options.downsampleMode === undefined)
    ? Effect.succeed(downsampleMode)
    : Effect.fail(
        new OptionInvalid({
          stage: "plan",
          option: "downsampleMode",
          message: hasModes ? `downsampleMode is ${downsampleMode}; it is "16x" or "4x"` : "downsampleMode: this model has one way alone"
        })
      )
}

const cut = (media: Media & PixelSize, { encoder, hasModes }: PartParts, processor: SliceProcessor) =>
  Effect.gen(function* () {
    const { patch, unit } = encoder
    const { normalization, resample } = processor
    const mode = yield* modeOf(media.options, hasModes, processor.mode)
    const grid = gridOf(
      media,
      {
        maxSlices: yield* pixelsOption(media.options, "maxSliceNums", processor.maxSlices),
        scale: yield* pixelsOption(media.options, "scaleResolution", processor.scale),
        unit: unit * patch
      },
      hasModes
    )
    const { columns, overview, refined, slices } = grid
    const steps: Array<RecipeStep> = [{ _tag: "Resize", of: 0, size: overview, resample }]
    if (refined !== undefined)
      steps.push({ _tag: "Resize", of: 0, size: refined, resample }, ...slices.map((box): RecipeStep => ({ _tag: "Crop", of: 2, box })))
    const partSize = ({ height, width }: PixelSize): PartSize => ({ rows: height / patch, columns: width / patch })
    const sizes = [overview, ...slices].map(partSize)
    const uneven = sizes.find((size) => !encoder.fits(size, mode))
    if (uneven !== undefined) {
      return yield* new LimitExceeded({
        stage: "plan",
        source: media.name,
        limit: "patches along a side",
        needed: uneven.columns,
        allowed: uneven.rows,
        message: `${media.name}: ${uneven.rows} x ${uneven.columns} patches cannot be merged as often as this model merges them`
      })
    }
    const made: Cut = {
      recipe: { steps, wanted: [1, ...slices.map((_, i) => i + 3)], normalization },
      sizes,
      mode,
      grid,
      pieces: sizes.map((size, i): Piece => ({
        rows: encoder.rows(size, mode),
        ...(i === 0 ? {} : { tile: [Math.floor((i - 1) / columns), (i - 1) % columns] })
      }))
    }
    return made
  })

const rowsIn = (pieces: ReadonlyArray<Piece>) => pieces.reduce((sum, { rows }) => sum + rows, 0)

const stripBlock = ({ data, patches }: PatchStrip, patch: number): FeatureBlock => ({ shape: [3, patch, patches * patch], data })

/** Pictures: an overview, and slices where they are large. Options: `maxSliceNums`, `scaleResolution`, `downsampleMode`. */
export const pictures = (parts: PartParts, processor: SliceProcessor): EmbeddingProducer<NoSettings> => {
  const { encoder, workers } = parts
  const cuts = new WeakMap<MediaPlan, Cut>()
  return make<ImageMedia, NoSettings, MediaPlan>({
    modality: "image",
    id: parts.id,
    width: parts.width,
    accepts: (media) => (isImageMedia(media) ? Option.some(media.readAs({ alpha: "dropped" })) : Option.none()),
    plan: (media, _, common) =>
      Effect.map(cut(media, parts, processor), (made) => {
        const { grid, pieces, sizes } = made
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: rowsIn(pieces),
          pieces,
          geometry: { slices: [grid.rows, grid.columns], sizes: sizes.flatMap(({ columns, rows }) => [rows, columns]) }
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
                Effect.map(recipeStrip(pixels, made.recipe, encoder.patch, { consume: true }), (strip) => stripBlock(strip, encoder.patch))
              ).pipe(Effect.provideService(Workers, workers))
            )
      },
      fromFeatures: (features, plan) => encodeParts(encoder, features, plan, cuts.get(plan)?.sizes ?? [], cuts.get(plan)?.mode ?? processor.mode)
    }
  })
}

/** Clips, frame by frame as pictures are (`MiniCPMV4_6VideoProcessor`; frames picked as for other families, one a second where nobody says otherwise). */
export const clips = (parts: PartParts, processor: SliceProcessor): EmbeddingProducer<NoSettings> => {
  const { encoder, workers } = parts
  const cuts = new WeakMap<MediaPlan, { readonly frame: Cut; readonly indices: ReadonlyArray<number> }>()
  const asked = ({ settings: { fps, maxFrames } }: VideoMedia) => ({
    fps: fps ?? 1,
    maxFrames: maxFrames ?? (fps === undefined ? processor.maxFrames : Number.POSITIVE_INFINITY)
  })
  return make<VideoMedia, NoSettings, MediaPlan>({
    modality: "video",
    id: parts.id,
    width: parts.width,
    accepts: VideoMedia.accepts,
    // By the header's own duration, less a tenth, and one row a frame at the least.
    atLeast: (media) => Math.min(asked(media).maxFrames, Math.floor(media.durationSeconds * asked(media).fps * 0.9)),
    plan: (media, _, common) =>
      Effect.gen(function* () {
        const { frameCount, frameRate } = yield* media.timeline
        const { indices } = pickFrames({ frameCount, frameRate, ...asked(media) })
        const frame = yield* cut(media, parts, processor)
        const plan: MediaPlan = {
          ...common,
          form: "rows",
          levels: 0,
          rows: indices.length * rowsIn(frame.pieces),
          pieces: indices.flatMap((index) => frame.pieces.map((piece) => ({ ...piece, atSeconds: frameRate > 0 ? index / frameRate : 0 })))
        }
        cuts.set(plan, { frame, indices })
        return plan
      }),
    encode: {
      features: (media, plan) => {
        const made = cuts.get(plan)
        return made === undefined
          ? Stream.empty
          : media.frames(made.indices).pipe(
              Stream.rechunk(1),
              Stream.mapEffect((frame) =>
                Effect.map(recipeStrip(frame, made.frame.recipe, encoder.patch, { consume: true }), (strip) => stripBlock(strip, encoder.patch))
              ),
              Stream.provideService(Workers, workers)
            )
      },
      fromFeatures: (features, plan) => {
        const made = cuts.get(plan)
        return made === undefined
          ? Stream.empty
          : encodeParts(
              encoder,
              features,
              plan,
              made.indices.flatMap(() => made.frame.sizes),
              made.frame.mode
            )
      }
    }
  })
}
