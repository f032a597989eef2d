import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { audio, embeddings, image, type KeptRows, type MediaValue, type Model, producer, video } from "../../src/index.ts"
import { goldenMedia, loadGolden, temporaryCache } from "./golden-model.ts"

const WIDTH = 64
const cache = temporaryCache()
let model: Model
beforeAll(async () => {
  model = await loadGolden({ cacheDir: cache.cacheDir })
})
afterAll(async () => {
  await model.dispose()
  cache.remove()
})

const media: Readonly<Record<string, () => MediaValue>> = {
  image: () => image(goldenMedia("a.png")),
  audio: () => audio(goldenMedia("a.wav")),
  video: () => video(goldenMedia("clip.mkv"), { sound: false, minPixels: 3136, maxPixels: 9408 })
}

describe("producers are interchangeable", () => {
  it.each(Object.keys(media))("a user's producer stands in for the family's own of %s, and its rows decide the answer", async (modality) => {
    const constant = (value: number) =>
      producer<unknown>({
        modality,
        width: WIDTH,
        id: `constant ${value}`,
        plan: () => ({ rows: 5 }),
        encode: async function* () {
          yield new Float32Array(2 * WIDTH).fill(value)
          yield Float32Array.from({ length: 3 * WIDTH }, (_, i) => Math.sin(i) * value)
        }
      })
    const answers: Array<string> = []
    for (const value of [0.1, 3]) {
      const swapped = await loadGolden({ cacheDir: cache.cacheDir, producers: [constant(value).producer] })
      try {
        const { text, usage } = await swapped.ask([media[modality](), "What is it?"], { maxTokens: 8 })
        expect(usage.rows[modality]).toBe(5)
        answers.push(text)
      } finally {
        await swapped.dispose()
      }
    }
    const own = await model.ask([media[modality](), "What is it?"], { maxTokens: 8 })
    expect(own.usage.rows[modality]).not.toBe(5)
    expect(answers[0]).not.toBe(answers[1])
  })

  it("a modality of one's own stands among the text without markers, and equal content is encoded once", async () => {
    let encoded = 0
    const series = producer<ReadonlyArray<number>>({
      modality: "seismogram",
      width: WIDTH,
      contentId: (values) => values.join(),
      plan: (values) => ({ rows: values.length }),
      encode: async function* (values) {
        encoded++
        for (const value of values) yield new Float32Array(WIDTH).fill(value)
      }
    })
    const first = await model.ask([series([1, 2, 3]), "Strong?"], { maxTokens: 3 })
    expect(first.usage.rows).toEqual({ seismogram: 3, text: first.usage.inputTokens - 3 })
    const plain = await model.plan("Strong?")
    expect(first.usage.rows.text).toBe(plain.rows.text)
    expect(await model.ask([series([1, 2, 3]), "Strong?"], { maxTokens: 3 })).toEqual(first)
    expect(encoded).toBe(1)
    expect((await model.ask([series([1, 2, -3]), "Strong?"], { maxTokens: 3 })).usage.inputTokens).toBe(first.usage.inputTokens)
    expect(encoded).toBe(2)
  })

  it("a projector makes the encoder's rows the decoder's; without one another width is refused with both", async () => {
    const narrow = {
      modality: "smell",
      plan: () => ({ rows: 2 }),
      encode: async function* () {
        yield Float32Array.from({ length: 8 }, (_, i) => i)
      }
    }
    const projected = producer<string>({
      ...narrow,
      width: WIDTH,
      projector: { width: 4, project: (rows) => Float32Array.from({ length: (rows.length / 4) * WIDTH }, (_, i) => rows[Math.floor(i / WIDTH) * 4 + (i % 4)]) }
    })
    expect((await model.ask([projected("rose"), "Which?"], { maxTokens: 2 })).usage.rows.smell).toBe(2)
    await expect(model.ask([producer<string>({ ...narrow, width: 4 })("rose"), "Which?"])).rejects.toMatchObject({
      _tag: "ProducerUnfit",
      width: 4,
      decoderWidth: WIDTH
    })
  })

  it.each([
    ["fewer", 2],
    ["more", 9]
  ])("a producer that makes %s rows than it planned is found out", async (_, rows) => {
    const wrong = producer<null>({
      modality: "smell",
      width: WIDTH,
      plan: () => ({ rows: 4 }),
      encode: async function* () {
        yield new Float32Array(rows * WIDTH)
      }
    })
    await expect(model.ask([wrong(null), "Which?"])).rejects.toMatchObject({ _tag: "RowsDiffer", planned: 4, encoded: rows })
  })

  it("a producer that throws gives its own words, and the source", async () => {
    const broken = producer<null>({
      modality: "smell",
      width: WIDTH,
      plan: () => ({ rows: 4 }),
      encode: async function* () {
        yield new Float32Array(WIDTH)
        throw new Error("the nose is blocked")
      }
    })
    await expect(model.ask([broken(null), "Which?"])).rejects.toMatchObject({
      _tag: "SourceUnreadable",
      source: "smell",
      message: "smell: the nose is blocked"
    })
  })

  it("no modality and no family is named in src/core and src/session", () => {
    const words = /\b(image|video|audio|picture|sound|clip|recording|qwen|omni|llava|gemma|whisper|phi4|mllama|minicpm)s?\b/i
    const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "")
    for (const folder of ["core", "session"]) {
      const path = join(import.meta.dirname, "../../src", folder)
      for (const file of readdirSync(path)) expect(code(readFileSync(join(path, file), "utf8")).match(words)?.[0], `${folder}/${file}`).toBeUndefined()
    }
  })
})

describe("the two halves alone", () => {
  const question = () => [video(goldenMedia("clip.mkv"), { minPixels: 3136, maxPixels: 9408 }), image(goldenMedia("a.png")), "Who speaks?"]

  it("rows that were kept give the same answer as the media themselves, and nothing is encoded again", async () => {
    const whole = await model.ask(question(), { maxTokens: 8 })
    const kept: Array<KeptRows> = []
    for (const value of question().slice(0, 2))
      for await (const rows of model.encode(value)) kept.push({ ...rows, plan: { ...rows.plan, part: kept.length > 0 && rows.modality === "image" ? 1 : 0 } })
    expect(new Set(kept.map(({ modality }) => modality))).toEqual(new Set(["video", "audio", "image"]))
    expect(kept[0].width).toBe(WIDTH)
    const answer = await model.ask([embeddings(kept), "Who speaks?"], { maxTokens: 8 })
    expect(answer).toEqual(whole)
  })

  it("rows of another encoder are refused", async () => {
    const kept = await Array.fromAsync(model.encode(image(goldenMedia("a.png"))))
    const other = kept.map((rows) => ({ ...rows, plan: { ...rows.plan, producer: "somebody else's" } }))
    await expect(model.ask([embeddings(other), "What?"])).rejects.toMatchObject({ _tag: "PlanMismatch", setting: "encoder" })
  })
})
