import { Effect, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { embeddings, image, video } from "../../../src/index.ts"
import { answer, emptyCells } from "../../../src/session/ask.ts"
import * as EncoderCache from "../../../src/session/encoder-cache.ts"
import { type ChatMessage, openPrompt } from "../../../src/session/open-prompt.ts"
import { defaultPrefillSettings } from "../../../src/session/prefill.ts"
import { checkpoints, inPart } from "../changed-checkpoint.ts"
import { familyModel, goldenFile } from "../family-model.ts"

const model = familyModel("mllama")
const picture = (name: string) => image(goldenFile("mllama", "media", `${name}.png`))
const { changeJson, folder, open, run } = checkpoints("mllama")

describe("Llama 3.2 Vision's pictures", () => {
  it("cost one cell each, and a memory of all their slots", async () => {
    const plain = await model().plan("What is it?")
    const plan = await model().plan([picture("a"), picture("large"), "What is it?"])
    expect(plan.rows.total).toBe(plain.rows.total + 2)
    expect(plan.rows.text).toBe(plan.rows.total)
    expect(plan.media.map(({ form, rows }) => [form, rows])).toEqual([
      ["memory", 40],
      ["memory", 40]
    ])
    // Keys and values of 2 layers, 2 heads, 16 numbers, 4 bytes.
    expect(plan.cache.bytes - plain.cache.bytes).toBe(80 * 2 * 2 * 2 * 16 * 4)
    const events = await Array.fromAsync(
      model()
        .ask([picture("a"), "What?"], { maxTokens: 2 })
        .events()
    )
    expect(events).toContainEqual({ type: "progress", stage: "encode", rows: 40, totalRows: 40 })
  })

  it("may be kept as rows and asked about again, with the same answer", async () => {
    const whole = await model().ask([picture("large"), "What is it?"], { maxTokens: 6, temperature: 0 })
    const kept = await Array.fromAsync(model().encode(picture("large")))
    expect(await model().ask([embeddings(kept), "What is it?"], { maxTokens: 6, temperature: 0 })).toEqual(whole)
  })

  it("keep the cells of a conversation while none is added, and none of them when one is", async () => {
    const chat = model().chat()
    try {
      const first = await chat.ask([picture("a"), "What is it?"], { maxTokens: 4, temperature: 0 })
      const second = await chat.ask("Why?", { maxTokens: 4, temperature: 0 })
      expect(second.usage.cacheReadTokens).toBeGreaterThanOrEqual(first.usage.inputTokens - 1)
      // Text before a picture sees every row of the memory.
      expect((await chat.ask([picture("b"), "And here?"], { maxTokens: 4, temperature: 0 })).usage.cacheReadTokens).toBe(0)
    } finally {
      await chat.dispose()
    }
  })

  it("are remembered once a conversation: their keys and values are computed when they are first read", () =>
    run(
      Effect.gen(function* () {
        const loaded = yield* open(folder)
        let remembered = 0
        const { remember } = loaded.decoder
        if (remember === undefined) throw new Error("the decoder has no memory")
        const counted = {
          ...loaded,
          decoder: {
            ...loaded.decoder,
            remember: (memory: Float32Array, rows: number) =>
              Effect.suspend(() => {
                remembered++
                return remember(memory, rows)
              })
          }
        }
        const held = yield* emptyCells(counted)
        const ask = (turns: ReadonlyArray<ChatMessage>) =>
          Effect.flatMap(openPrompt(turns), (prompt) =>
            Stream.runDrain(
              answer(counted, prompt, { maxTokens: 2, temperature: 0 }, held, { prefill: defaultPrefillSettings, encoderCache: EncoderCache.make(0) })
            )
          )
        const first: ChatMessage = { role: "user", content: [picture("a"), "What is it?"] }
        yield* ask([first])
        yield* ask([first, { role: "assistant", content: "A square." }, { role: "user", content: "Why?" }])
        expect(remembered).toBe(1)
        yield* ask([first, { role: "assistant", content: "A square." }, { role: "user", content: [picture("b"), "And here?"] }])
        expect(remembered).toBe(2)
      })
    ))

  it("are all that the model sees", async () => {
    await expect(model().ask([video(goldenFile("qwen2_5_omni", "media", "clip.mkv")), "What?"])).rejects.toMatchObject({
      _tag: "UnsupportedMedia",
      message: expect.stringContaining("it takes text, image")
    })
  })
})

describe("checkpoints of Llama 3.2 Vision that are not what they say", () => {
  it.each([
    ["text_config", { cross_attention_layers: [1, 9] }, "text_config.cross_attention_layers names layer 9 of 5"],
    ["vision_config", { vision_output_dim: 64 }, "vision_config.vision_output_dim is 64; the layers that are read give 96"],
    ["vision_config", { intermediate_layers_indices: [0, 4] }, "vision_config.intermediate_layers_indices names layer 4 of 4"],
    ["vision_config", { max_num_tiles: 2 }, "4 tiles of 42 x 42; the encoder has 2 slots of 42 x 42"],
    ["text_config", { rope_scaling: { rope_type: "yarn", factor: 2 } }, "text_config.rope_scaling is yarn"]
  ])("are refused: %s %j", async (part, change, message) => {
    const error = await run(Effect.flip(open(changeJson("config.json", inPart(part, change)))))
    expect(error).toMatchObject({ _tag: "CheckpointUnreadable", message: expect.stringContaining(message) })
  })

  it("are refused where a learned table has another number of arrangements", async () => {
    const error = await run(Effect.flip(open(changeJson("config.json", inPart("vision_config", { supported_aspect_ratios: [[1, 1]] })))))
    expect(error).toMatchObject({ _tag: "WeightsMismatch", message: expect.stringContaining("embedding.weight") })
  })
})
