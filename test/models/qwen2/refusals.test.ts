import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { audio, image, media, video } from "../../../src/face/media-values.ts"
import { checkpoints, planOf } from "../changed-checkpoint.ts"
import { familyModel, goldenFile } from "../family-model.ts"

const model = familyModel("qwen2")
const { changeJson, changeTensors, open, run } = checkpoints("qwen2")
const picture = () => goldenFile("gemma3", "media", "a.png")

describe("a model of text alone", () => {
  it.each([
    ["image", () => image(picture())],
    ["audio", () => audio(goldenFile("qwen2_audio", "media", "a.wav"))],
    ["video", () => video(goldenFile("qwen2_5_omni", "media", "clip.mkv"))],
    ["image", () => media(picture())]
  ] as const)("refuses %s, and says that it takes text alone", async (modality, medium) => {
    const refused = {
      _tag: "UnsupportedMedia",
      stage: "plan",
      modality,
      message: expect.stringContaining(`this model does not take ${modality}; it takes text alone`)
    }
    await expect(model().ask([medium(), "What is it?"])).rejects.toMatchObject(refused)
    await expect(model().plan([medium(), "What is it?"])).rejects.toMatchObject(refused)
    // The next question is answered.
    expect((await model().ask("What is it?", { maxTokens: 2 })).usage.outputTokens).toBeGreaterThan(0)
  })

  it("takes markers of pictures in a question as ordinary text", async () => {
    const { media: planned, rows } = await model().plan("What is <|image_pad|> or <|im_end|>?")
    expect(planned).toEqual([])
    expect(rows.total).toBe(rows.text)
  })
})

describe("checkpoints that would be run wrongly", () => {
  it.each([
    [{ layer_types: ["full_attention", "sliding_attention"] }, "layer_types has sliding_attention"],
    [{ use_sliding_window: true }, "use_sliding_window"],
    [{ rope_scaling: { rope_type: "yarn", factor: 4 } }, "rope_scaling"],
    [{ num_attention_heads: 3 }, "num_attention_heads"],
    [{ hidden_size: "wide" }, "hidden_size"]
  ])("are refused, and the field is named: %j", async (change, field) => {
    const failure = await run(Effect.flip(open(changeJson("config.json", (config) => ({ ...config, ...change })))))
    expect(failure._tag).toBe("CheckpointUnreadable")
    expect(failure.message).toContain(field)
  })

  it("a head is the token table only where that is said; one that is missing otherwise is named", async () => {
    const headless = (tied: boolean) =>
      changeTensors(
        (tensors) => tensors.delete("lm_head.weight"),
        (config) => ({ ...config, tie_word_embeddings: tied })
      )
    expect(await run(Effect.flip(open(await headless(false))))).toMatchObject({ _tag: "WeightsMismatch", tensor: "lm_head.weight", found: "missing" })
    await run(
      Effect.gen(function* () {
        const tied = yield* open(yield* Effect.promise(() => headless(true)), true)
        expect((yield* planOf(tied, "Hello")).plan.media).toEqual([])
      })
    )
  })
})
