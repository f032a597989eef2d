import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import sharp from "sharp"
import { describe, expect, it } from "vitest"
import { writeSafetensors } from "../../../src/checkpoint/write-safetensors.ts"
import { rowTable } from "../../../src/core/prompt-layout.ts"
import { audio, embeddings, image, video } from "../../../src/index.ts"
import { adapterFor } from "../../../src/models/phi4_multimodal/planner.ts"
import type { LoadedModel } from "../../../src/session/model.ts"
import { type ContentPart, openPrompt } from "../../../src/session/open-prompt.ts"
import type { Tensor } from "../../../src/tensor/tensor.ts"
import { bytesOf, makeWav, tone } from "../../modalities/audio/make-wav.ts"
import { checkpoints, inPart, planOf } from "../changed-checkpoint.ts"
import { familyModel, goldenFile } from "../family-model.ts"

const model = familyModel("phi4_multimodal")
const { changeJson, changeTensors, changeText, folder, open, run } = checkpoints("phi4_multimodal")
const picture = () => image(goldenFile("phi4_multimodal", "media", "b.png"))
const sound = () => audio(goldenFile("phi4_multimodal", "media", "a.wav"))
const wav = (samples: number) => makeWav(bytesOf(tone(samples)), { bits: 32, float: true })

describe("Phi-4's senses", () => {
  it("switch the LoRA set: any picture asks for vision, sound alone for speech, text alone for none", () =>
    run(
      Effect.gen(function* () {
        expect([[], ["audio"], ["image"], ["audio", "image"], ["seismogram"]].map(adapterFor)).toEqual(["none", "speech", "vision", "vision", "none"])
        const loaded = yield* open(folder, true)
        expect(loaded.decoder.shape.adapters).toEqual(["vision", "speech"])
        const adapterOf = (...content: ReadonlyArray<ContentPart>) => Effect.map(planOf(loaded, ...content), ({ plan }) => plan.adapter)
        expect(yield* adapterOf("Hello")).toBe("none")
        expect(yield* adapterOf(sound(), "What?")).toBe("speech")
        expect(yield* adapterOf(sound(), "What?", picture())).toBe("vision")
      })
    ))

  it("a later turn that brings a picture reads again what was read under the other set; one that brings none does not", async () => {
    const chat = model().chat()
    try {
      const first = await chat.ask([sound(), "What is said?"], { maxTokens: 3 })
      const second = await chat.ask("Why?", { maxTokens: 3 })
      expect(second.usage.cacheReadTokens).toBeGreaterThanOrEqual(first.usage.inputTokens - 1)
      expect((await chat.ask([picture(), "And here?"], { maxTokens: 3 })).usage.cacheReadTokens).toBe(0)
      expect((await chat.ask("Why?", { maxTokens: 3 })).usage.cacheReadTokens).toBeGreaterThan(400)
    } finally {
      await chat.dispose()
    }
  })

  it("a picture changes how sound is projected; rows of sound kept without one are refused beside one", async () => {
    const settingsOf = async (...content: ReadonlyArray<ContentPart>) => (await model().plan([...content, "What?"])).media.map(({ settings }) => settings)
    expect(await settingsOf(sound())).toEqual([{ projection: "speech" }])
    expect(await settingsOf(sound(), picture())).toEqual([{ projection: "vision" }, {}])
    const kept = await Array.fromAsync(model().encode(sound()))
    expect(await model().ask([embeddings(kept), "What?"], { maxTokens: 3 })).toEqual(await model().ask([sound(), "What?"], { maxTokens: 3 }))
    await expect(model().ask([embeddings(kept), picture(), "What?"])).rejects.toMatchObject({
      _tag: "PlanMismatch",
      setting: "projection",
      kept: "speech",
      wanted: "vision"
    })
  })

  it("the published template, which takes strings, lays media out where they stand, as one does that takes lists", () =>
    run(
      Effect.gen(function* () {
        const strings = changeText(
          "chat_template.jinja",
          "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
        )
        const tables = yield* Effect.forEach([folder, strings], (checkpoint) =>
          Effect.flatMap(open(checkpoint), (loaded) =>
            Effect.map(planOf(loaded, "Look:", picture(), "and listen: ", sound(), "What?"), ({ plan }) => {
              const { item, media, rows } = rowTable(plan.layout)
              return { rows, media: Array.from(media), item: Array.from(item) }
            })
          )
        )
        expect(tables[1]).toEqual(tables[0])
        expect(new Set(tables[0].media)).toEqual(new Set([-1, 0, 1]))
      })
    ))

  it("recordings of one prompt do not change each other", () =>
    run(
      Effect.gen(function* () {
        const loaded = yield* open(folder)
        const rows = (...content: ReadonlyArray<ContentPart>) =>
          Effect.flatMap(openPrompt([{ role: "user", content }]), (prompt) =>
            Effect.flatMap(loaded.family.planner.plan(prompt), ({ media }) =>
              Effect.forEach(media, ({ encode }) => Effect.map(Stream.runCollect(encode), (chunks) => chunks.map(({ data }) => Array.from(data))))
            )
          )
        const [short, long] = [audio(wav(9000)), audio(wav(30_000))]
        expect(yield* rows(short, long)).toEqual([...(yield* rows(short)), ...(yield* rows(long))])
      })
    ))

  it.each([
    [399, 0],
    [400, 1],
    [800, 1],
    [27_200, 42],
    [16_000 * 20 + 240, 500],
    [16_000 * 20 + 880, 501],
    [16_000 * 41, 1025]
  ])("%i samples have %i rows, planned and encoded, whatever their length", async (samples, rows) => {
    const { media } = await model().plan([audio(wav(samples)), "What?"])
    expect(media[0].rows).toBe(rows)
    const chunks = await Array.fromAsync(model().encode(audio(wav(samples))))
    expect(chunks.map((chunk) => chunk.rows)).toEqual(Array.from({ length: Math.ceil(rows / 500) }, (_, i) => Math.min(500, rows - i * 500)))
  })

  it("rows of sound do not depend on how its features come", () =>
    run(
      Effect.gen(function* () {
        const loaded = yield* open(folder)
        const { plan } = yield* planOf(loaded, audio(wav(16_000 * 21)))
        const [{ encode, stages }] = plan.media
        if (stages === undefined) throw new Error("the producer does not show its features")
        const blocks = yield* Stream.runCollect(stages.features)
        const data = Float32Array.from(blocks.flatMap((block) => Array.from(block.data)))
        const cut = [0, 7, 1999, 2000, 2003, data.length / 80].map((frame, i, all) => ({
          shape: [(all[i + 1] ?? frame) - frame, 80],
          data: data.slice(frame * 80, (all[i + 1] ?? frame) * 80)
        }))
        const whole = yield* Stream.runCollect(encode)
        expect(yield* Stream.runCollect(stages.fromFeatures(Stream.fromIterable(cut)))).toEqual(whole)
      })
    ))

  it("pictures that are too flat are refused with their ratio, films at all", async () => {
    const flat = await sharp({ create: { width: 600, height: 12, channels: 3, background: "red" } })
      .png()
      .toBuffer()
    await expect(model().ask([image(flat), "What?"])).rejects.toMatchObject({ _tag: "LimitExceeded", limit: "aspect ratio", needed: 50, allowed: 38.4 })
    await expect(model().ask([video(goldenFile("qwen2_5_omni", "media", "clip.mkv")), "What?"])).rejects.toMatchObject({
      _tag: "UnsupportedMedia",
      message: expect.stringContaining("it takes text, image, audio")
    })
  })
})

/** The published tensors by transformers' names, LoRA sets left out. */
const renamed = (name: string): string =>
  name
    .replace(/\.feed_forward_(in|out)\.net\.0\.linear\./, ".feed_forward_$1.gate_up_proj.")
    .replace(/\.feed_forward_(in|out)\.net\.2\./, ".feed_forward_$1.down_proj.")
    .replace(/\.self_attn\.linear_([qkv])\./, ".self_attn.$1_proj.")
    .replace(".self_attn.linear_out.", ".self_attn.o_proj.")
    .replace("audio_projection.speech.0", "up_proj_for_speech")
    .replace("audio_projection.speech.2", "down_proj_for_speech")
    .replace("audio_projection.vision.0", "up_proj_for_vision_speech")
    .replace("audio_projection.vision.2", "down_proj_for_vision_speech")
    .replace("img_projection.0", "img_projection_up")
    .replace("img_projection.2", "img_projection_down")
    .replace("glb_GN", "global_img_feature_extensor")
    .replace("sub_GN", "sub_img_feature_extensor")
    .replace(".base_layer.", ".")

/** A copy of the golden checkpoint in transformers' layout: LoRA sets in folders of their own, as PEFT saves them. */
const transformersLayout = async () => {
  const sets: Readonly<Record<"vision" | "speech", Record<string, Tensor>>> = { vision: {}, speech: {} }
  const copy = await changeTensors((tensors) => {
    for (const [name, tensor] of Array.from(tensors)) {
      tensors.delete(name)
      const lora = /^(.*)\.lora_([AB])\.(vision|speech)\.weight$/.exec(name)
      if (lora !== null) sets[lora[3] === "vision" ? "vision" : "speech"][`base_model.model.${lora[1]}.lora_${lora[2]}.weight`] = tensor
      else tensors.set(renamed(name), tensor)
    }
  })
  const config = JSON.parse(readFileSync(join(copy, "config.json"), "utf8"))
  for (const [name, own] of Object.entries(sets)) {
    mkdirSync(join(copy, `${name}-lora`))
    await run(writeSafetensors(join(copy, `${name}-lora`, "adapter_model.safetensors"), own))
    const { lora_alpha, r } = config[`${name}_lora`]
    writeFileSync(join(copy, `${name}-lora`, "adapter_config.json"), JSON.stringify({ peft_type: "LORA", r, lora_alpha, use_rslora: false }))
  }
  return copy
}

const answerOf = (loaded: LoadedModel) =>
  Effect.gen(function* () {
    const { plan } = yield* planOf(loaded, picture(), sound(), "What?")
    const chunks = yield* Effect.forEach(plan.media, ({ encode }) => Stream.runCollect(encode))
    return chunks.flatMap((own) => own.map(({ data }) => Array.from(data)))
  })

describe("layouts of Phi-4's checkpoint", () => {
  it("both give the same rows and the same adapters; a broken LoRA set is refused by name", async () => {
    const copy = await transformersLayout()
    const [published, later] = await run(
      Effect.gen(function* () {
        const models = [yield* open(folder, true), yield* open(copy, true)]
        expect(models[1].decoder.shape).toEqual(models[0].decoder.shape)
        return yield* Effect.forEach(models, answerOf)
      })
    )
    expect(later).toEqual(published)

    const settings = join(copy, "speech-lora", "adapter_config.json")
    const good = readFileSync(settings, "utf8")
    for (const [change, message] of [
      [{ use_dora: true }, "use_dora is true"],
      [{ r: 0 }, "r is 0"],
      [{ r: "six" }, "adapter_config.json"]
    ] as const) {
      writeFileSync(settings, JSON.stringify({ ...JSON.parse(good), ...change }))
      expect(await run(Effect.flip(open(copy)))).toMatchObject({ _tag: "CheckpointUnreadable", message: expect.stringContaining(message) })
    }
    writeFileSync(settings, JSON.stringify({ ...JSON.parse(good), r: 5 }))
    expect(await run(Effect.flip(open(copy)))).toMatchObject({ _tag: "WeightsMismatch", tensor: expect.stringContaining("lora_A.speech.weight") })
    writeFileSync(settings, good)
    rmSync(join(copy, "speech-lora", "adapter_model.safetensors"))
    expect(await run(Effect.flip(open(copy)))).toMatchObject({ _tag: "CheckpointUnreadable", message: expect.stringContaining("adapter_model.safetensors") })
  })

  it("sets that stand among the weights are not read once more from the folders that the published repository keeps beside them", async () => {
    const copy = await changeTensors(() => {})
    for (const name of ["vision", "speech"]) {
      mkdirSync(join(copy, `${name}-lora`))
      writeFileSync(join(copy, `${name}-lora`, "adapter_config.json"), JSON.stringify({ peft_type: "LORA", r: 320, lora_alpha: 640 }))
      writeFileSync(join(copy, `${name}-lora`, "adapter_model.safetensors"), "not looked at")
    }
    const shapes = await run(Effect.all([open(folder, true), open(copy, true)]).pipe(Effect.map((models) => models.map(({ decoder }) => decoder.shape))))
    expect(shapes[0].adapters).toEqual(["vision", "speech"])
    expect(shapes[1]).toEqual(shapes[0])
  })

  it.each([
    [(config: Readonly<Record<string, unknown>>) => ({ ...config, partial_rotary_factor: 0.1 }), "partial_rotary_factor leaves 0 of 8 channels to turn"],
    [inPart("rope_scaling", { long_factor: [1] }), "rope_scaling has 3 short and 1 long factors; 3 pairs turn"],
    [inPart("rope_scaling", { type: "llama3" }), "rope_scaling is llama3"],
    [inPart("vision_config", { patch_size: 3 }), "vision_config.image_size is 64"],
    [
      (config: Readonly<Record<string, unknown>>) => ({
        ...config,
        audio_processor: { config: { ...Object(Object(config.audio_processor).config), time_reduction: 6 } }
      }),
      "audio_config.time_reduction is 6, no power of 2"
    ]
  ])("configurations that make no model are refused", async (change, message) => {
    expect(await run(Effect.flip(open(changeJson("config.json", change))))).toMatchObject({
      _tag: "CheckpointUnreadable",
      message: expect.stringContaining(message)
    })
  })
})
