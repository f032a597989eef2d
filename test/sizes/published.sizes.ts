import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { audio, image, load, video } from "../../src/index.ts"
import { publishedSizes, writeOmniCheckpoint } from "./random-omni.ts"

const media = (name: string) => join(import.meta.dirname, "../golden/qwen2_5_omni/media", name)

describe.each(["3B", "7B"] as const)("the published %s, random weights, two layers a part", (size) => {
  const folder = mkdtempSync(join(tmpdir(), "sensorium-sizes-"))
  const checkpoint = join(folder, "checkpoint")
  const cacheDir = join(folder, "cache")
  beforeAll(() => writeOmniCheckpoint(checkpoint, publishedSizes(size, 2)))
  afterAll(() => {
    delete process.env.SENSORIUM_BACKEND
    rmSync(folder, { recursive: true, force: true })
  })

  const answers: Array<string> = []
  it.each(["c", "js"])("compiles and runs text, picture, sound and a clip with its sound on backend %s", async (backend) => {
    process.env.SENSORIUM_BACKEND = backend
    const model = await load(checkpoint, { cacheDir, strict: true })
    try {
      const content = [image(media("a.png")), audio(media("a.wav")), video(media("clip.mkv")), "What is seen and heard?"]
      const plan = await model.plan(content, { maxTokens: 4 })
      const { finishReason, text, usage } = await model.ask(content, { maxTokens: 4 })
      expect(usage.inputTokens).toBe(plan.rows.total)
      expect(usage.rows.image).toBeGreaterThan(0)
      expect(usage.rows.audio).toBeGreaterThan(usage.rows.video / 100)
      expect(["stop", "length"]).toContain(finishReason)
      answers.push(text)
    } finally {
      await model.dispose()
    }
  })

  it("gives the same answer on both", () => {
    expect(answers.length).toBe(2)
    expect(answers[0]).toBe(answers[1])
  })
})
