import { Effect } from "effect"
import sharp from "sharp"
import { describe, expect, it } from "vitest"
import { image, video } from "../../../src/face/media-values.ts"
import { numberWords } from "../../../src/models/idefics3/number-words.ts"
import { clipTemplate } from "../../../src/models/idefics3/planner.ts"
import { openTokenizerOf } from "../../../src/session/checkpoint-text.ts"
import { openCheckpoint } from "../../../src/checkpoint/checkpoint.ts"
import type { PlannedPrompt } from "../../../src/session/ask.ts"
import { checkpoints, inPart, planOf } from "../changed-checkpoint.ts"

const idefics = checkpoints("idefics3/idefics3")
const smol = checkpoints("idefics3/smolvlm")
const clip = smol.file("media", "clip.mkv")

/** A prompt's text as it is tokenized, a dot for each row of a medium. */
const written = (folder: string, { plan }: PlannedPrompt) =>
  Effect.map(Effect.flatMap(openCheckpoint(folder), openTokenizerOf), (tokenizer) =>
    plan.layout.segments
      .map((segment) =>
        segment._tag === "Text" ? tokenizer.decode(segment.tokens, { skipControl: false }) : segment._tag === "Media" ? ".".repeat(segment.rows.count) : "?"
      )
      .join("")
  )

describe("layout", () => {
  it("tiles row by row, a line break after each row, the whole picture last after one more; names are text in Idefics3, tokens in SmolVLM", async () => {
    const wanted =
      "User:<fake_token_around_image><row_1_col_1>....<fake_token_around_image><row_1_col_2>....\n<fake_token_around_image><row_2_col_1>....<fake_token_around_image><row_2_col_2>....\n\n" +
      "<fake_token_around_image><global-img>....<fake_token_around_image>What?<end_of_utterance>\nAssistant:"
    for (const [family, start] of [
      [idefics, "<|begin_of_text|>"],
      [smol, "<|im_start|>"]
    ] as const) {
      await family.run(
        Effect.gen(function* () {
          const model = yield* family.open(family.folder)
          const planned = yield* planOf(model, image(family.file("media", "a.png")), "What?")
          expect(yield* written(family.folder, planned)).toBe(start + wanted)
          const tokens = planned.plan.layout.segments.flatMap((segment) => (segment._tag === "Text" ? Array.from(segment.tokens) : []))
          const tokenizer = yield* Effect.flatMap(openCheckpoint(family.folder), openTokenizerOf)
          const name = tokenizer.controlId("<row_1_col_1>")
          expect(name !== undefined && tokens.includes(name)).toBe(family === smol)
        })
      )
    }
  })

  it("a picture that is not cut has the whole picture's markers alone", () =>
    smol.run(
      Effect.gen(function* () {
        const model = yield* smol.open(smol.folder)
        const planned = yield* planOf(model, "Here:", image(smol.file("media", "a.png"), { family: { doImageSplitting: false } }), "What?")
        expect(yield* written(smol.folder, planned)).toBe(
          "<|im_start|>User: Here:<fake_token_around_image><global-img>....<fake_token_around_image>What?<end_of_utterance>\nAssistant:"
        )
        expect(planned.plan.media[0].plan.geometry).toEqual({ slices: [0, 0] })
      })
    ))

  it("a picture of 3 x 2 pixels is enlarged and cut", () =>
    idefics.run(
      Effect.gen(function* () {
        const model = yield* idefics.open(idefics.folder)
        const tiny = yield* Effect.promise(() =>
          sharp({ create: { width: 3, height: 2, channels: 3, background: "red" } })
            .png()
            .toBuffer()
        )
        const { plan } = yield* planOf(model, image(tiny), "What?")
        expect(plan.media[0].plan.geometry).toEqual({ slices: [2, 2] })
        // `longestEdge`: what the longer side becomes first.
        const one = yield* planOf(model, image(tiny, { family: { longestEdge: 56 } }), "What?")
        expect(one.plan.media[0].plan.geometry).toEqual({ slices: [0, 0] })
        for (const [option, value] of [
          ["doImageSplitting", "no"],
          ["longestEdge", 0]
        ] as const) {
          expect(yield* Effect.flip(planOf(model, image(tiny, { family: { [option]: value } }), "What?"))).toMatchObject({ _tag: "OptionInvalid", option })
        }
      })
    ))

  it("a clip says how many frames in words, its length and each frame's time cut to seconds; frames are never cut", () =>
    smol.run(
      Effect.gen(function* () {
        const model = yield* smol.open(smol.folder)
        const planned = yield* planOf(model, video(clip, { fps: 2 }), "What?")
        // 24 frames, 8 a second: frames 0, 5, 9, 14, 18, 23.
        const frames = ["00:00", "00:00", "00:01", "00:01", "00:02", "00:02"].map(
          (time) => `\nFrame from ${time}:<fake_token_around_image><global-img>....<fake_token_around_image>`
        )
        expect(yield* written(smol.folder, planned)).toBe(
          `<|im_start|>User: You are provided the following series of six frames from a 0:00:03 [H:MM:SS] video.\n${frames.join("")}\n\nWhat?<end_of_utterance>\nAssistant:`
        )
        expect(planned.plan.media[0].plan.pieces.map(({ atSeconds }) => atSeconds)).toEqual([0, 5, 9, 14, 18, 23].map((index) => index / 8))
      })
    ))

  it("with a clip the checkpoint's template is replaced, for all of the prompt", async () => {
    const folder = smol.changeText(
      "chat_template.jinja",
      "{% for m in messages %}[{{ m['role'] }}]{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endfor %}"
    )
    await smol.run(
      Effect.gen(function* () {
        const model = yield* smol.open(folder)
        expect(yield* written(folder, yield* planOf(model, "What?"))).toBe("[user]What?")
        expect(yield* written(folder, yield* planOf(model, video(clip, { fps: 2 }), "What?"))).toContain("<|im_start|>User: You are provided")
      })
    )
    expect(clipTemplate).toContain("<end_of_utterance>\n")
  })

  it("long clips: frames a second and frames at most are the checkpoint's, where nobody says otherwise", () =>
    smol.run(
      Effect.gen(function* () {
        const model = yield* smol.open(
          smol.changeJson("processor_config.json", inPart("video_processor", { video_sampling: { fps: 8, max_frames: 8, video_size: { longest_edge: 56 } } }))
        )
        const frames = (options: object) => Effect.map(planOf(model, video(clip, options), "What?"), ({ plan }) => plan.media[0].plan.pieces.length)
        expect([yield* frames({}), yield* frames({ fps: 6 }), yield* frames({ maxFrames: 4 })]).toEqual([8, 18, 4])
      })
    ))

  it("Idefics3 takes no film, and says what it takes", () =>
    idefics.run(
      Effect.gen(function* () {
        const failure = yield* Effect.flip(planOf(yield* idefics.open(idefics.folder), video(clip), "What?"))
        expect(failure).toMatchObject({ _tag: "UnsupportedMedia", modality: "video" })
        expect(failure.message).toContain("it takes text, image")
      })
    ))

  it("a placeholder written in a question is ordinary text", () =>
    smol.run(
      Effect.gen(function* () {
        const { plan } = yield* planOf(yield* smol.open(smol.folder), "What is <image> or <video>?")
        expect([plan.media.length, plan.layout.segments.map(({ _tag }) => _tag)]).toEqual([0, ["Text"]])
      })
    ))
})

it("numbers in words, as num2words writes them", () => {
  // num2words 0.5.
  expect([0, 4, 13, 20, 24, 100, 101, 110, 999, 1000, 1001, 1100, 1234, 21000, 1000000].map(numberWords)).toEqual([
    "zero",
    "four",
    "thirteen",
    "twenty",
    "twenty-four",
    "one hundred",
    "one hundred and one",
    "one hundred and ten",
    "nine hundred and ninety-nine",
    "one thousand",
    "one thousand and one",
    "one thousand, one hundred",
    "one thousand, two hundred and thirty-four",
    "twenty-one thousand",
    "one million"
  ])
})

describe("checkpoint", () => {
  it("refuses what would be run wrongly, and names the field", async () => {
    for (const [folder, field] of [
      [idefics.changeJson("config.json", inPart("text_config", { model_type: "mistral" })), "model_type"],
      [idefics.changeJson("config.json", inPart("text_config", { rope_scaling: { rope_type: "yarn", factor: 8 } })), "text_config.rope_scaling"],
      [idefics.changeJson("config.json", inPart("text_config", { attention_bias: true })), "text_config.attention_bias"],
      [idefics.changeJson("config.json", inPart("vision_config", { hidden_act: "swish9" })), "swish9"],
      [idefics.changeJson("config.json", (config) => ({ ...config, scale_factor: 3 })), "scale_factor"],
      [idefics.changeJson("processor_config.json", inPart("image_processor", { max_image_size: { longest_edge: 364 } })), "max_image_size"],
      [idefics.changeJson("processor_config.json", inPart("image_processor", { do_resize: false })), "do_resize"],
      [idefics.changeJson("processor_config.json", inPart("image_processor", { resample: 9 })), "resample"]
    ] as const) {
      const failure = await idefics.run(Effect.flip(idefics.open(folder)))
      expect(failure._tag).toBe("CheckpointUnreadable")
      expect(failure.message).toContain(field)
    }
  })

  it("a tensor that is missing is named; a head is not needed where the token table is one", async () => {
    const name = "model.connector.modality_projection.proj.weight"
    expect(await smol.run(Effect.flip(smol.open(await smol.changeTensors((tensors) => tensors.delete(name)))))).toMatchObject({
      _tag: "WeightsMismatch",
      tensor: name,
      found: "missing"
    })
    const headless = await smol.changeTensors((tensors) => tensors.delete("lm_head.weight"))
    expect((await smol.run(smol.open(headless, true))).modelType).toBe("smolvlm")
  })
})
