import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { load, type Model } from "../../src/index.ts"

/** The golden checkpoint's folder: real architecture, random weights. */
export const goldenCheckpoint = join(import.meta.dirname, "../golden/qwen2_5_omni/checkpoint")

/** A medium of the golden folder: `a.png`, `a.wav`, `clip.mkv`. */
export const goldenMedia = (name: string): string => join(import.meta.dirname, "../golden/qwen2_5_omni/media", name)

/** A cache folder of a test's own, and what removes it. */
export const temporaryCache = (): { readonly cacheDir: string; readonly remove: () => void } => {
  const cacheDir = mkdtempSync(join(tmpdir(), "sensorium-test-cache-"))
  return { cacheDir, remove: () => rmSync(cacheDir, { recursive: true, force: true }) }
}

/** Loads the golden checkpoint. */
export const loadGolden = (options: Parameters<typeof load>[1] = {}): Promise<Model> => load(goldenCheckpoint, options)
