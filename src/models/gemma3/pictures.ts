import { Effect } from "effect"
import { tiledPictures, type TiledPicture } from "../../../modalities/image/fixed-tiles.ts"
import type { ImageMedia } from "../../../modalities/image/image-media.ts"
import type { PictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { RecipeStep } from "../../../modalities/image/picture-recipe.ts"
import { panAndScan } from "../../../modalities/image/slicing/pan-and-scan.ts"
import type { TileEncoder } from "../../compile/blocks/tile-encoder.ts"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import { OptionInvalid } from "../../core/errors.ts"
import type { Workers } from "../../worker/workers.ts"

/** Options of a picture, as its processor's configuration names them. */
export const pictureOptions = ["doPanAndScan", "panAndScanMinCropSize", "panAndScanMaxNumCrops", "panAndScanMinRatioToActivate"] as const

/** What the producer of pictures is made with. */
export interface PictureParts {
  /** Fingerprint of the weights. */
  readonly id: string
  /** Numbers in a row. */
  readonly width: number
  readonly processor: PictureProcessor
  readonly workers: Workers["Service"]
  readonly encoder: TileEncoder
}

/** Settings that the reference takes where nobody says otherwise: `Gemma3ProcessorKwargs`. It does not look at the checkpoint's own. */
const readOptions = ({ options }: ImageMedia) =>
  Effect.gen(function* () {
    const refuse = (option: string, expected: string) =>
      new OptionInvalid({ stage: "plan", option, message: `${option} is ${options[option]}; it must be ${expected}` })
    const { doPanAndScan = false, panAndScanMaxNumCrops = 4, panAndScanMinCropSize = 256, panAndScanMinRatioToActivate = 1.2 } = options
    if (typeof doPanAndScan !== "boolean") return yield* refuse("doPanAndScan", "true or false")
    if (typeof panAndScanMinCropSize !== "number" || !(panAndScanMinCropSize > 0)) return yield* refuse("panAndScanMinCropSize", "a number of pixels above 0")
    if (typeof panAndScanMaxNumCrops !== "number" || !Number.isInteger(panAndScanMaxNumCrops) || panAndScanMaxNumCrops < 1)
      return yield* refuse("panAndScanMaxNumCrops", "a whole number above 0")
    if (typeof panAndScanMinRatioToActivate !== "number" || Number.isNaN(panAndScanMinRatioToActivate))
      return yield* refuse("panAndScanMinRatioToActivate", "a number")
    return doPanAndScan ? { minCropSize: panAndScanMinCropSize, maxCrops: panAndScanMaxNumCrops, minRatio: panAndScanMinRatioToActivate } : undefined
  })

/** The whole picture, then its crops, each stretched to the encoder's square (transformers `Gemma3ImageProcessor`). */
const cut = (media: ImageMedia, side: number, { normalization, resample }: PictureProcessor) =>
  Effect.map(readOptions(media), (settings): TiledPicture => {
    const crops = settings === undefined ? [] : panAndScan(media, settings)
    const square = (of: number): RecipeStep => ({ _tag: "Resize", of, size: { width: side, height: side }, resample })
    const steps: Array<RecipeStep> = [square(0)]
    const wanted = [1]
    for (const box of crops) {
      steps.push({ _tag: "Crop", of: 0, box }, square(steps.length + 1))
      wanted.push(steps.length)
    }
    const across = media.width >= media.height
    return {
      recipe: { steps, wanted, normalization },
      tiles: [undefined, ...crops.map((_, i) => (across ? ([0, i] as const) : ([i, 0] as const)))],
      ...(settings === undefined ? {} : { geometry: { slices: crops.length === 0 ? [0, 0] : across ? [1, crops.length] : [crops.length, 1] } })
    }
  })

/** Pictures, stretched to a square; long ones also in crops where they are asked for. */
export const pictures = ({ processor, ...parts }: PictureParts): EmbeddingProducer<NoSettings> =>
  tiledPictures({ ...parts, reads: { alpha: "dropped" }, cut: (media) => cut(media, parts.encoder.side, processor) })
