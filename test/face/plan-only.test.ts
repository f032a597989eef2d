import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { saveRows } from "../../src/effect.ts"
import { audio, embeddings, image, type KeptRows, load, type Model, video } from "../../src/index.ts"
import { loadModel, services } from "../../src/face/load-model.ts"
import { goldenFolders } from "../conformance/golden-folders.ts"
import { copySettings } from "../conformance/settings-only.ts"
import { goldenCheckpoint, goldenMedia } from "./golden-model.ts"

const folder = mkdtempSync(join(tmpdir(), "sensorium-plan-only-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const cacheDir = join(folder, "cache")
const planCache = join(folder, "plan-cache")

const modalities = (model: string): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(
    Effect.scoped(Effect.map(loadModel({ model, planOnly: true }), (loaded) => loaded.modalities)).pipe(Effect.provide(services({ cacheDir: planCache })))
  )

const values = { image: () => image(goldenMedia("a.png")), audio: () => audio(goldenMedia("a.wav")), video: () => video(goldenMedia("clip.mkv")) }

/** The plan and the drawn stages of a prompt with every medium that the model takes. */
const planned = async (model: Model, taken: ReadonlyArray<string>) => {
  const content = [...Object.entries(values).flatMap(([modality, value]) => (taken.includes(modality) ? [value()] : [])), "What is it?"]
  const stages = await model.graph(content)
  return { plan: await model.plan(content), stages: stages.map(({ figures, from, id, kind }) => ({ figures, from, id, kind })) }
}

describe.each(goldenFolders)("$name, loaded to plan only", ({ folder: golden, name }) => {
  let taken: ReadonlyArray<string> = []
  let whole: Awaited<ReturnType<typeof planned>>
  beforeAll(async () => {
    taken = await modalities(join(golden, "checkpoint"))
    const model = await load(join(golden, "checkpoint"), { cacheDir })
    try {
      whole = await planned(model, taken)
    } finally {
      await model.dispose()
    }
  })

  it.each(["with weights beside it", "without weights"])("plans as the whole model does, %s", async (kind) => {
    const path = kind === "without weights" ? copySettings(golden, join(folder, name.replace(/\W/g, "-"))) : join(golden, "checkpoint")
    const model = await load(path, { cacheDir: planCache, planOnly: true })
    try {
      expect(await planned(model, taken)).toEqual(whole)
      await expect(model.ask("Hello")).rejects.toMatchObject({ _tag: "BackendFailure", message: expect.stringMatching(/plan only/) })
      for (const [modality, value] of Object.entries(values)) {
        if (!taken.includes(modality)) continue
        await expect(Array.fromAsync(model.encode(value())), modality).rejects.toMatchObject({
          _tag: "BackendFailure",
          message: expect.stringMatching(/plan only/)
        })
      }
    } finally {
      await model.dispose()
    }
    expect(existsSync(planCache)).toBe(false)
  })
})

describe("weights that are there", () => {
  it("are read as far as their headers: a number that is not finite is not seen, a broken header is", async () => {
    const copy = join(folder, "not-finite")
    cpSync(goldenCheckpoint, copy, { recursive: true })
    const file = join(copy, "model.safetensors")
    const bytes = readFileSync(file)
    bytes.fill(0xff, 8 + Number(bytes.readBigUInt64LE(0)))
    writeFileSync(file, bytes)
    await expect(load(copy, { cacheDir })).rejects.toMatchObject({ _tag: "WeightsMismatch" })
    const model = await load(copy, { cacheDir: planCache, planOnly: true })
    expect((await model.plan("Hello")).fits).toBe(true)
    await model.dispose()
    writeFileSync(file, bytes.subarray(0, 100))
    await expect(load(copy, { cacheDir: planCache, planOnly: true })).rejects.toMatchObject({ _tag: "CheckpointUnreadable" })
  })

  it("may be some of the files that an index names", async () => {
    const copy = join(folder, "some-shards")
    cpSync(goldenCheckpoint, copy, { recursive: true })
    rmSync(join(copy, "model.safetensors"))
    const map = { "thinker.lm_head.weight": "model-00002-of-00002.safetensors", "thinker.model.norm.weight": "model-00001-of-00002.safetensors" }
    writeFileSync(join(copy, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }))
    await expect(load(copy, { cacheDir: planCache })).rejects.toMatchObject({ _tag: "CheckpointUnreadable" })
    const model = await load(copy, { cacheDir: planCache, planOnly: true })
    expect((await model.plan([image(goldenMedia("a.png")), "What?"])).rows.image).toBeGreaterThan(0)
    await model.dispose()
    expect(existsSync(planCache)).toBe(false)
  })
})

describe("rows that were kept", () => {
  it("are planned by a model that does not know its own encoder", async () => {
    const rows = join(folder, "rows.safetensors")
    const model = await load(goldenCheckpoint, { cacheDir })
    const chunks: ReadonlyArray<KeptRows> = await Array.fromAsync(model.encode(values.image()))
    await Effect.runPromise(saveRows(rows, chunks))
    const whole = await model.plan([embeddings(rows), "What?"])
    await model.dispose()
    const planner = await load(goldenCheckpoint, { cacheDir: planCache, planOnly: true })
    expect(await planner.plan([embeddings(rows), "What?"])).toEqual(whole)
    await planner.dispose()
    expect(statSync(rows).size).toBeGreaterThan(0)
    expect(readdirSync(cacheDir)).toContain("models")
  })
})
