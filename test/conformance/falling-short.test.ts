import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { services } from "../../src/face/load-model.ts"
import type { Tensor } from "../../src/tensor/tensor.ts"
import { type Rung, rungs } from "../../src/verify/compare.ts"
import { readGoldenFolder } from "../../src/verify/golden-case.ts"
import { verifyFolder } from "../../src/verify/verify-folder.ts"
import { goldenFolders } from "./golden-folders.ts"

const families = readdirSync(join(import.meta.dirname, "../../src/models"))
const temporary = mkdtempSync(join(tmpdir(), "sensorium-falling-short-"))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

type Tensors = Record<string, Tensor>

const readCase = (folder: string, name: string): Promise<Tensors> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* openSafetensors(join(folder, "cases", `${name}.safetensors`))
        const tensors: Tensors = {}
        for (const tensor of file.tensors.keys()) tensors[tensor] = yield* file.read(tensor)
        return tensors
      })
    )
  )

/** A tensor with one number changed by far more than any bound. */
const changed = (tensor: Tensor, at = 0): Tensor => {
  if (tensor.dtype === "int64") return { ...tensor, data: tensor.data.map((value, i) => (i === at ? value + 1n : value)) }
  if (tensor.dtype !== "float32") throw new Error(`a golden tensor of ${tensor.dtype}`)
  const most = tensor.data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  return { ...tensor, data: tensor.data.map((value, i) => (i === at ? value + Math.max(0.5, 0.05 * most) : value)) }
}

/** The rung that a tensor belongs to. */
const rungOf = (name: string): Rung => {
  if (name === "input_ids") return "layout"
  if (name === "position_ids") return "positions"
  if (name === "logits" || name === "tokens") return name
  return name.endsWith(".embeddings") || name.includes(".deepstack.") ? "embeddings" : "features"
}

/** Verifies a copy of one case, with its tensors and options edited; gives the lowest rung that fell short. */
const lowestFallen = async (
  folder: string,
  name: string,
  edit: { readonly tensors?: (tensors: Tensors) => Tensors; readonly options?: Readonly<Record<string, unknown>> }
) => {
  const copy = mkdtempSync(join(temporary, "case-"))
  const golden = await Effect.runPromise(readGoldenFolder(folder))
  mkdirSync(join(copy, "cases"))
  // A family of text alone has no media.
  if (existsSync(join(folder, "media"))) cpSync(join(folder, "media"), join(copy, "media"), { recursive: true })
  writeFileSync(join(copy, "checkpoint.path"), relative(copy, golden.checkpoint))
  const asked = JSON.parse(readFileSync(join(folder, "cases", `${name}.json`), "utf8"))
  writeFileSync(join(copy, "cases", `${name}.json`), JSON.stringify({ ...asked, options: { ...asked.options, ...edit.options } }))
  const tensors = await readCase(folder, name)
  await Effect.runPromise(writeSafetensors(join(copy, "cases", `${name}.safetensors`), (edit.tensors ?? ((same) => same))(tensors)))
  const options = { cacheDir: join(temporary, "cache") }
  const {
    cases: [report],
    passed
  } = await Effect.runPromise(Effect.scoped(verifyFolder(copy, options)).pipe(Effect.provide(services(options))))
  const lowest = rungs.find((rung) => report.findings.some((finding) => finding.rung === rung && !finding.passed))
  expect(passed).toBe(lowest === undefined)
  return lowest
}

/** The case of a folder that looks at the most. */
const richest = async (folder: string): Promise<{ readonly name: string; readonly tensors: Tensors }> => {
  const names = readdirSync(join(folder, "cases"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -5))
  const all = await Promise.all(names.map(async (name) => ({ name, tensors: await readCase(folder, name) })))
  return all.reduce((best, one) => (Object.keys(one.tensors).length > Object.keys(best.tensors).length ? one : best))
}

const tried = goldenFolders.filter(({ family }) => families.includes(family))

describe.each(await Promise.all(tried.map(async ({ folder, name }) => ({ folder, place: name, ...(await richest(folder)) }))))(
  "a ladder that can fail: $place, case $name",
  ({ folder, name, tensors }) => {
    it("passes as it is", async () => expect(await lowestFallen(folder, name, {})).toBeUndefined())

    it.each(Object.keys(tensors))("one number of %s changed: falls short there", async (tensor) => {
      expect(await lowestFallen(folder, name, { tensors: (all) => ({ ...all, [tensor]: changed(all[tensor]) }) })).toBe(rungOf(tensor))
    })

    it.each(Object.keys(tensors))("%s missing: falls short, is not skipped", async (tensor) => {
      const without = (all: Tensors): Tensors => Object.fromEntries(Object.entries(all).filter(([one]) => one !== tensor))
      expect(await lowestFallen(folder, name, { tensors: without })).toBe(rungOf(tensor))
    })

    it("an extra tensor, an unknown option and a missing one fall short", async () => {
      expect(
        await lowestFallen(folder, name, { tensors: (all) => ({ ...all, "media.0.image.smell": { dtype: "float32", shape: [1], data: new Float32Array(1) } }) })
      ).toBe("features")
      expect(await lowestFallen(folder, name, { options: { colour: "red" } })).toBe("features")
      expect(await lowestFallen(folder, name, { options: { maxNewTokens: undefined } })).toBe("features")
    })
  }
)
