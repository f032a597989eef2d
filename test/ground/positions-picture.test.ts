import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { drawPositions } from "../../.ci/draw-positions.ts"

it("docs/positions.svg is drawn from the demo clip's plan as it is now: else run `node .ci/draw-positions.ts`", async () => {
  expect(await readFile(join(import.meta.dirname, "../../docs/positions.svg"), "utf8")).toBe(await drawPositions())
})
