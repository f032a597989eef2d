import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { load, type Model } from "../../src/index.ts"

/** A file of a family's golden folder. */
export const goldenFile = (family: string, ...path: ReadonlyArray<string>): string => join(import.meta.dirname, "../golden", family, ...path)

/** The model of a family's golden folder, loaded before the tests of a file and disposed after them. */
export const familyModel = (family: string): (() => Model) => {
  const cacheDir = mkdtempSync(join(tmpdir(), "sensorium-family-"))
  let model: Model | undefined
  beforeAll(async () => {
    model = await load(goldenFile(family, "checkpoint"), { cacheDir, strict: true })
  })
  afterAll(async () => {
    await model?.dispose()
    rmSync(cacheDir, { recursive: true, force: true })
  })
  return () => {
    if (model === undefined) throw new Error("the model is not loaded yet")
    return model
  }
}
