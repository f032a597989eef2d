import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { services } from "../../src/face/load-model.ts"
import { caseLines, type FolderReport, verifyFolder } from "../../src/verify/verify-folder.ts"
import { goldenFolders } from "./golden-folders.ts"

const families = readdirSync(join(import.meta.dirname, "../../src/models"))
const cacheDir = mkdtempSync(join(tmpdir(), "sensorium-golden-"))
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }))

describe("every family climbs the whole golden ladder", () => {
  it.each(families)("%s has a golden folder", (family) => {
    expect(goldenFolders.map((place) => place.family)).toContain(family)
  })

  describe.each(goldenFolders.filter(({ family }) => families.includes(family)))("$name", ({ folder }) => {
    let report: FolderReport | undefined
    beforeAll(async () => {
      const options = { cacheDir }
      report = await Effect.runPromise(Effect.scoped(verifyFolder(folder, options)).pipe(Effect.provide(services(options))))
    })
    const names = readdirSync(join(folder, "cases"))
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -5))
    const tables = ["slicing.json", "positions.json"].filter((name) => existsSync(join(folder, name)))
    it.each([...names, ...tables])("%s", (name) => {
      const found = report?.cases.find((one) => one.name === name)
      expect(found?.findings.length, "findings").toBeGreaterThan(0)
      const short = found?.findings.filter(({ passed }) => !passed) ?? []
      expect(short, found === undefined ? "" : caseLines(found).join("\n")).toEqual([])
    })
  })
})
