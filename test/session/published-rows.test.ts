import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { publishedRows, publishedSizes, widePicture } from "../bench/published-sizes.ts"
import { goldenFolders } from "../conformance/golden-folders.ts"

/**
 * Rows of a picture of 1920 x 1080 pixels. Arithmetic by hand; where it says so, the published processor counts the same on such a picture (transformers 5.18, run with the
 * published settings).
 */
const rows: Readonly<Record<string, number>> = {
  // 64 x 64 patches averaged to 16 x 16.
  gemma3: 256,
  // 1456 x 819 -> 4 x 3 tiles and the whole: 13 x (26 / 2)^2. Idefics3ImageProcessor makes 13 tiles.
  "idefics3/idefics3": 2197,
  // 1536 x 864 -> 4 x 3 tiles and the whole: 13 x (27 / 3)^2. SmolVLMImageProcessor makes 13 tiles.
  "idefics3/smolvlm": 1053,
  // 24 x 24.
  "llava/clip": 576,
  // 27 x 27.
  "llava/siglip": 729,
  // 5 x 3 tiles: 135 x 81 patches, without the bars 135 x 75, beyond nine tiles' rows, so made 108 x 60; a line break each: 109 x 60; the whole, 27 x 27.
  // LlavaOnevisionProcessor._get_number_of_features: 7269.
  llava_onevision: 7269,
  // 1024 x 576 -> 3 x 2 slices and the whole: 7 x 12^2.
  llava_uhd: 1008,
  // 4 x 2 slices (image_processing_minicpmv.py: get_sliced_grid gives [4, 2]) and the whole: 9 x 64.
  "minicpmv/2_6": 576,
  // The whole as 44 x 24 patches, 4 x 2 slices of 32 x 32, 16 patches a row: 66 + 8 x 64. MiniCPMV4_6ImageProcessor's target_sizes are these.
  "minicpmv/4_6": 578,
  // Four slots of 40 x 40 patches and a class token, filled or not.
  mllama: 6404,
  // 24 x 24 patches, a quarter of the rows.
  "mobilevlm/ldpnet": 144,
  "mobilevlm/ldpnetv2": 144,
  // 5 x 3 crops: 80 x 48 rows; the picture fills 2240 x 1260 of 2240 x 1344 pixels, so 80 x 45 and a line break each; a border; the whole, 16 x 16 and a line break each:
  // 81 x 45 + 1 + 17 x 16. Phi4MultimodalImageProcessor: num_img_tokens 3918.
  phi4_multimodal: 3918,
  // 1932 x 1092 pixels, 28 x 28 a row: 69 x 39. transformers' smart_resize: 1932 x 1092.
  qwen2_5_omni: 2691,
  qwen2_5_vl: 2691,
  qwen2_vl: 2691,
  // 1920 x 1088 pixels, 32 x 32 a row: 60 x 34. smart_resize: 1920 x 1088.
  qwen3_vl: 2040
}

const folder = mkdtempSync(join(tmpdir(), "sensorium-published-"))
let picture = ""
beforeAll(async () => {
  picture = await widePicture(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const seeing = goldenFolders.filter(({ family }) => family !== "qwen2" && family !== "qwen2_audio")

describe("rows of a picture of 1920 x 1080 at published sizes", () => {
  it("are known for every golden folder that takes pictures", () => {
    const names = seeing.map(({ name }) => name.replaceAll("\\", "/")).toSorted()
    expect(Object.keys(publishedSizes).toSorted()).toEqual(names)
    expect(Object.keys(rows).toSorted()).toEqual(names)
  })

  it.each(seeing)("$name", async (place) => {
    const planned = await publishedRows(place, picture, join(folder, "settings"))
    expect(planned).toEqual({ rows: rows[place.name.replaceAll("\\", "/")], form: place.family === "mllama" ? "memory" : "rows" })
  })
})
