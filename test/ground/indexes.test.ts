import { describe, expect, it } from "vitest"
import { familyIndex, modalityIndex } from "../../.ci/generate-indexes.ts"
import { textOf } from "./repository-files.ts"

describe("generated indexes", () => {
  it("list the families that are there", async () => expect(textOf("src/face/families.ts")).toBe(await familyIndex()))
  it("list the modalities that are there", async () => expect(textOf("src/face/modalities.ts")).toBe(await modalityIndex()))
})
