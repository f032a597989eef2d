import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import sharp from "sharp"
import { loadModel, services } from "../../src/face/load-model.ts"
import { image } from "../../src/face/media-values.ts"
import { plan as planPrompt } from "../../src/session/ask.ts"
import { openPrompt } from "../../src/session/open-prompt.ts"
import type { GoldenPlace } from "../conformance/golden-folders.ts"
import { copySettings } from "../conformance/settings-only.ts"

type Json = Readonly<Record<string, unknown>>

/** A published checkpoint, by the fields of its settings that decide how many rows a picture takes. */
export interface PublishedSize {
  /** Name of its model card. */
  readonly card: string
  /** What is put over the settings of a golden folder: files below the folder, objects over objects. */
  readonly settings: Readonly<Record<string, Json>>
}

const config = "checkpoint/config.json"
const preprocessor = "checkpoint/preprocessor_config.json"
const processor = "checkpoint/processor_config.json"
const clip = "clip-vit-large-patch14-336"

/** Pixel bounds and patches of Qwen2-VL, Qwen2.5-VL and Qwen2.5-Omni (their preprocessor_config.json). */
const qwenPictures: Json = { min_pixels: 56 * 56, max_pixels: 28 * 28 * 16384, patch_size: 14, merge_size: 2, temporal_patch_size: 2 }
const qwenVision: Json = { patch_size: 14, spatial_merge_size: 2, temporal_patch_size: 2 }

/** openai/clip-vit-large-patch14-336: config.json and preprocessor_config.json. */
const clipLarge: PublishedSize["settings"] = {
  [`${clip}/config.json`]: { vision_config: { image_size: 336, patch_size: 14 } },
  [`${clip}/preprocessor_config.json`]: { size: 336, crop_size: 336 }
}

/** Heights and widths up to six tiles of 384 pixels. */
const sixBySix = Array.from({ length: 36 }, (_, i) => [384 * (Math.floor(i / 6) + 1), 384 * ((i % 6) + 1)])

const square = (side: number) => ({ height: side, width: side })

/** By golden folder (slashes forward): the published checkpoint whose architecture the folder's is. */
export const publishedSizes: Readonly<Record<string, PublishedSize>> = {
  // Gemma3Processor: SigLIP at 896 pixels, 256 rows a picture; pan and scan is off where nobody asks for it.
  gemma3: {
    card: "Gemma 3 4B",
    settings: {
      [config]: { mm_tokens_per_image: 256, vision_config: { image_size: 896, patch_size: 14 } },
      [processor]: { image_seq_length: 256, image_processor: { size: square(896) } }
    }
  },
  // Tiles of 364 pixels of a picture whose longer side is 4 of them; blocks of 2 x 2 patches become a row.
  "idefics3/idefics3": {
    card: "Idefics3-8B-Llama3",
    settings: {
      [config]: { scale_factor: 2, vision_config: { image_size: 364, patch_size: 14 } },
      [processor]: { image_seq_len: 169, image_processor: { size: { longest_edge: 4 * 364 }, max_image_size: { longest_edge: 364 } } }
    }
  },
  // Tiles of 384 pixels; blocks of 3 x 3 patches.
  "idefics3/smolvlm": {
    card: "SmolVLM2-2.2B-Instruct",
    settings: {
      [config]: { scale_factor: 3, vision_config: { image_size: 384, patch_size: 14 } },
      [processor]: {
        image_seq_len: 81,
        image_processor: { size: { longest_edge: 4 * 384 }, max_image_size: { longest_edge: 384 } },
        video_processor: { size: { longest_edge: 384 }, max_image_size: { longest_edge: 384 }, video_sampling: { video_size: { longest_edge: 384 } } }
      }
    }
  },
  // CLIP ViT-L/14 at 336 pixels, without its first row.
  "llava/clip": {
    card: "LLaVA-1.5-7B",
    settings: {
      [config]: { image_seq_length: 576, vision_feature_select_strategy: "default", vision_config: { image_size: 336, patch_size: 14 } },
      [processor]: { patch_size: 14, image_processor: { size: { shortest_edge: 336 }, crop_size: square(336) } }
    }
  },
  // SigLIP so400m/14 at 384 pixels, every row of it.
  "llava/siglip": {
    card: "LLaVA-Interleave-Qwen-7B",
    settings: {
      [config]: { image_seq_length: 729, vision_feature_select_strategy: "full", vision_config: { image_size: 384, patch_size: 14 } },
      [processor]: { patch_size: 14, image_processor: { size: square(384) } }
    }
  },
  // SigLIP so400m/14 at 384 pixels; canvases up to six tiles a side, up to nine tiles' rows.
  llava_onevision: {
    card: "LLaVA-OneVision-Qwen2-7B",
    settings: {
      [config]: { vision_aspect_ratio: "anyres_max_9", image_grid_pinpoints: sixBySix, vision_config: { image_size: 384, patch_size: 14 } },
      [processor]: {
        num_image_tokens: 729,
        vision_aspect_ratio: "anyres_max_9",
        image_processor: { size: square(384), image_grid_pinpoints: sixBySix },
        video_processor: { size: square(384) }
      }
    }
  },
  // The slicer's bounds and the 144 queries are fixed in the published code.
  llava_uhd: { card: "LLaVA-UHD v1", settings: clipLarge },
  "minicpmv/2_6": {
    card: "MiniCPM-V 2.6",
    settings: {
      [config]: { image_size: 448, patch_size: 14, query_num: 64, slice_config: { max_slice_nums: 9, patch_size: 14 }, vision_config: { image_size: 980 } },
      [preprocessor]: { max_slice_nums: 9, scale_resolution: 448, patch_size: 14, image_feature_size: 64 }
    }
  },
  // Of MiniCPMV4_6ImageProcessor, which fixes what the checkpoint has; the text decoder stays the golden folder's.
  "minicpmv/4_6": {
    card: "MiniCPM-V 4.6",
    settings: {
      [config]: { image_size: 448, patch_size: 14, downsample_mode: "16x", merger_times: 1, vision_config: { image_size: 980, patch_size: 14 } },
      [processor]: {
        image_processor: { max_slice_nums: 9, scale_resolution: 448, patch_size: 14, downsample_mode: "16x" },
        video_processor: { max_slice_nums: 1, scale_resolution: 448, patch_size: 14, downsample_mode: "16x" }
      }
    }
  },
  // Four slots of 560 pixels.
  mllama: {
    card: "Llama-3.2-11B-Vision",
    settings: {
      [config]: { vision_config: { image_size: 560, patch_size: 14, max_num_tiles: 4 } },
      [preprocessor]: { max_image_tiles: 4, size: square(560) }
    }
  },
  "mobilevlm/ldpnet": { card: "MobileVLM 1.7B", settings: clipLarge },
  "mobilevlm/ldpnetv2": { card: "MobileVLM V2 1.7B", settings: clipLarge },
  // Crops of 448 pixels, 36 at the most; blocks of 2 x 2 patches become a row.
  phi4_multimodal: {
    card: "Phi-4-multimodal-instruct",
    settings: {
      [config]: { embd_layer: { image_embd_layer: { crop_size: 448 } }, vision_config: { image_size: 448, crop_size: 448, patch_size: 14 } },
      [preprocessor]: { dynamic_hd: 36, size: square(448), patch_size: 14 }
    }
  },
  qwen2_5_omni: { card: "Qwen2.5-Omni-3B", settings: { [config]: { thinker_config: { vision_config: qwenVision } }, [preprocessor]: qwenPictures } },
  qwen2_5_vl: { card: "Qwen2.5-VL-7B-Instruct", settings: { [config]: { vision_config: qwenVision }, [preprocessor]: qwenPictures } },
  qwen2_vl: { card: "Qwen2-VL-7B-Instruct", settings: { [config]: { vision_config: qwenVision }, [preprocessor]: qwenPictures } },
  // Patches of 16 pixels; the bounds are those of a whole picture's pixels.
  qwen3_vl: {
    card: "Qwen3-VL-8B-Instruct",
    settings: {
      [config]: { vision_config: { patch_size: 16, spatial_merge_size: 2, temporal_patch_size: 2 } },
      [preprocessor]: { size: { shortest_edge: 256 * 256, longest_edge: 4096 * 4096 }, patch_size: 16, merge_size: 2, temporal_patch_size: 2 }
    }
  }
}

/** The published size of a golden folder; undefined where its family takes no pictures. */
export const publishedSizeOf = ({ name }: GoldenPlace): PublishedSize | undefined => publishedSizes[name.replaceAll("\\", "/")]

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** `change` put over `json`: objects over objects, anything else in the place of what was there. */
const over = (json: Json, change: Json): Json => ({
  ...json,
  ...Object.fromEntries(
    Object.entries(change).map(([name, value]) => {
      const before = json[name]
      return [name, isObject(before) && isObject(value) ? over(before, value) : value]
    })
  )
})

/** Writes a picture of 1920 x 1080 pixels of noise into a folder. Gives its path. */
export const widePicture = async (folder: string): Promise<string> => {
  const path = join(folder, "picture.png")
  await sharp({ create: { width: 1920, height: 1080, channels: 3, noise: { type: "gaussian", mean: 128, sigma: 40 }, background: "white" } })
    .png()
    .toFile(path)
  return path
}

/** Rows of one picture. */
export interface PictureRows {
  readonly rows: number
  /** Among the text, or memory that cross-attention layers look at. */
  readonly form: "rows" | "memory"
}

/** The rows that a picture takes at the published sizes, planned alone: `temporary` is made, holds the settings meanwhile, and goes. */
export const publishedRows = async (place: GoldenPlace, picture: string, temporary: string): Promise<PictureRows> => {
  const checkpoint = copySettings(place.folder, temporary)
  for (const [file, change] of Object.entries(publishedSizeOf(place)?.settings ?? {})) {
    const path = join(temporary, file)
    const before: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (!isObject(before)) throw new Error(`${path} is no JSON object`)
    writeFileSync(path, JSON.stringify(over(before, change)))
  }
  const options = { model: checkpoint, planOnly: true }
  try {
    return await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const model = yield* loadModel(options)
          const { plan } = yield* planPrompt(model, yield* openPrompt([{ role: "user", content: [image(picture), "What is it?"] }]))
          const [{ form }] = plan.media.map((one) => one.plan)
          return { form, rows: plan.media.reduce((sum, one) => sum + one.plan.rows, 0) }
        })
      ).pipe(Effect.provide(services(options)))
    )
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
