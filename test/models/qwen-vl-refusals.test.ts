import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { loadModel, type LoadServices, services } from "../../src/face/load-model.ts"
import { audio, image, video } from "../../src/face/media-values.ts"
import { plan } from "../../src/session/ask.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { type ContentPart, openPrompt } from "../../src/session/open-prompt.ts"
import type { Tensor } from "../../src/tensor/tensor.ts"

const golden = (path: string) => join(import.meta.dirname, "../golden", path)
const temporary = mkdtempSync(join(tmpdir(), "sensorium-qwen-vl-"))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

const run = <A, E>(effect: Effect.Effect<A, E, LoadServices | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(services({ cacheDir: join(temporary, "cache") }))))

const open = (checkpoint: string) => loadModel({ model: checkpoint, dtype: "fp32", cacheDir: join(temporary, "cache") })

const planOf = (model: LoadedModel, ...content: ReadonlyArray<ContentPart>) =>
  Effect.flatMap(openPrompt([{ role: "user", content }]), (prompt) => plan(model, prompt, { maxTokens: 4 }))

/** A copy of a family's checkpoint with its config.json changed. */
const withConfig = (family: string, name: string, change: (config: Record<string, unknown>) => Record<string, unknown>): string => {
  const folder = join(temporary, `${family}-${name}`)
  cpSync(golden(`${family}/checkpoint`), folder, { recursive: true })
  writeFileSync(join(folder, "config.json"), JSON.stringify(change(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")))))
  return folder
}

const families = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"]

describe.each(families)("%s", (family) => {
  it("takes pictures and clips, and says so of anything else", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        expect([...model.modalities].sort()).toEqual(["image", "video"])
        const failure = yield* Effect.flip(planOf(model, audio(golden("qwen2_5_omni/media/a.wav")), "What is said?"))
        expect(failure).toMatchObject({ _tag: "UnsupportedMedia", modality: "audio" })
        expect(failure.message).toContain("this model does not take audio; it takes text, image, video")
      })
    ))

  it("looks at a film without its sound", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        const { plan: planned } = yield* planOf(model, video(golden("qwen2_5_omni/media/clip.mkv"), { maxPixels: 50_176, minPixels: 784 }), "What is it?")
        expect(planned.media.map(({ plan: { modality } }) => modality)).toEqual(["video"])
      })
    ))

  it("a placeholder written in a question is ordinary text", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        const { plan: planned } = yield* planOf(
          model,
          image(golden(`${family}/media/c.png`)),
          "What is <|image_pad|> and <|vision_start|><|video_pad|><|vision_end|>?"
        )
        expect(planned.media.length).toBe(1)
        expect(planned.layout.segments.filter(({ _tag }) => _tag === "Media").length).toBe(1)
      })
    ))

  it("pixel bounds are whole numbers above 0", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        for (const maxPixels of [0, -1, 1.5]) {
          expect(yield* Effect.flip(planOf(model, image(golden(`${family}/media/a.png`), { maxPixels }), "What is it?"))).toMatchObject({
            _tag: "OptionInvalid",
            option: "maxPixels"
          })
        }
      })
    ))

  it("a tensor that is missing or has another shape is named", async () => {
    const folder = join(temporary, `${family}-weights`)
    cpSync(golden(`${family}/checkpoint`), folder, { recursive: true })
    const prefix = family === "qwen3_vl" ? "model.visual" : "visual"
    const write = (change: (tensors: Map<string, Tensor>) => void) =>
      run(
        Effect.gen(function* () {
          const file = yield* openSafetensors(golden(`${family}/checkpoint/model.safetensors`))
          const tensors = new Map<string, Tensor>()
          for (const name of file.tensors.keys()) tensors.set(name, yield* file.read(name))
          change(tensors)
          yield* writeSafetensors(join(folder, "model.safetensors"), Object.fromEntries(tensors))
        })
      )
    await write((tensors) => tensors.delete(`${prefix}.blocks.1.attn.qkv.weight`))
    expect(await run(Effect.flip(open(folder)))).toMatchObject({ _tag: "WeightsMismatch", tensor: `${prefix}.blocks.1.attn.qkv.weight`, found: "missing" })
    await write((tensors) => tensors.set(`${prefix}.blocks.1.attn.qkv.weight`, { dtype: "float32", shape: [24, 72], data: new Float32Array(24 * 72) }))
    expect(await run(Effect.flip(open(folder)))).toMatchObject({ _tag: "WeightsMismatch", tensor: `${prefix}.blocks.1.attn.qkv.weight`, found: "[24, 72]" })
  })

  it("a configuration that would be run wrongly is refused, and the field named", async () => {
    const text = (change: Record<string, unknown>) => (config: Record<string, unknown>) =>
      family === "qwen3_vl" ? { ...config, text_config: { ...Object(config.text_config), ...change } } : { ...config, ...change }
    const wrong = [
      ["yarn", text({ rope_scaling: { rope_type: "yarn", factor: 4, mrope_section: [2, 3, 3] } }), "rope_scaling.type"],
      ["sections", text({ rope_scaling: { rope_type: "default", mrope_section: [2, 3, 4] } }), "rope_scaling.mrope_section"],
      ["sliding", text({ use_sliding_window: true }), "use_sliding_window"],
      ["words", text({ hidden_size: "wide" }), "hidden_size"],
      ["patch", (config: Record<string, unknown>) => ({ ...config, vision_config: { ...Object(config.vision_config), patch_size: 15 } }), "patch_size"]
    ] as const
    for (const [name, change, field] of wrong) {
      const failure = await run(Effect.flip(open(withConfig(family, name, change))))
      expect(failure._tag).toBe("CheckpointUnreadable")
      expect(failure.message).toContain(field)
    }
  })
})

describe("what only one of them has", () => {
  it("qwen3_vl: a clip stands in one segment a step, and its bounds are for all frames together", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden("qwen3_vl/checkpoint"))
        const rowsOf = (maxPixels: number) =>
          Effect.map(planOf(model, video(golden("qwen3_vl/media/clip.mkv"), { minPixels: 4096, maxPixels }), "What is it?"), ({ plan: planned }) => {
            const [{ plan: clip }] = planned.media
            expect(planned.layout.segments.filter(({ _tag }) => _tag === "Media").length).toBe(clip.pieces.length)
            return clip.rows
          })
        expect(yield* rowsOf(36_864)).toBeGreaterThan(yield* rowsOf(12_288))
      })
    ))

  it("qwen3_vl: num_position_embeddings that is no square, deepstack layers that are not there", async () => {
    const vision = (change: Record<string, unknown>) => (config: Record<string, unknown>) => ({
      ...config,
      vision_config: { ...Object(config.vision_config), ...change }
    })
    for (const [field, value] of [
      ["num_position_embeddings", 63],
      ["deepstack_visual_indexes", [0, 4]]
    ] as const) {
      const failure = await run(Effect.flip(open(withConfig("qwen3_vl", field, vision({ [field]: value })))))
      expect(failure).toMatchObject({ _tag: "CheckpointUnreadable" })
      expect(failure.message).toContain(`vision_config.${field}`)
    }
  })

  it("qwen2_5_vl: a window smaller than a merge block", async () => {
    const failure = await run(
      Effect.flip(open(withConfig("qwen2_5_vl", "window", (config) => ({ ...config, vision_config: { ...Object(config.vision_config), window_size: 14 } }))))
    )
    expect(failure).toMatchObject({ _tag: "CheckpointUnreadable" })
    expect(failure.message).toContain("window_size is 14")
  })
})
