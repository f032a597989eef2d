import { Effect, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { audio, video } from "../../../src/face/media-values.ts"
import type { ContentPart } from "../../../src/session/open-prompt.ts"
import type { LoadedModel } from "../../../src/session/model.ts"
import { bytesOf, makeWav, tone } from "../../modalities/audio/make-wav.ts"
import { checkpoints, planOf } from "../changed-checkpoint.ts"

const { changeJson, changeTensors, file, folder, open, run } = checkpoints("qwen2_5_omni")
/** 96 x 64 pixels, 40 frames, 8 a second, with sound. */
const clip = file("media", "clip.mkv")
const small = { minPixels: 3136, maxPixels: 9408 }

/** A prompt's segments, tokens of text and numbers of rows alone. */
const laidOut = (model: LoadedModel, ...content: ReadonlyArray<ContentPart>) =>
  Effect.map(planOf(model, ...content, "What?"), ({ plan }) => ({
    kinds: plan.layout.segments.map(({ _tag }) => _tag),
    rows: plan.media.map(({ plan: { modality, rows } }) => [modality, rows]),
    text: plan.layout.segments.flatMap((segment) => (segment._tag === "Text" ? Array.from(segment.tokens) : []))
  }))

describe("clips with hardly any sound", () => {
  it("of one or two mel frames, which the reference does not take, are laid out as video alone", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        // Every 160 samples, 10 ms, begin a mel frame; rows = ((L - 1) // 2 + 1 - 2) // 2 + 1 of L frames: none of 1 or 2, one of 3.
        for (const [end, rows] of [
          [0.01, 0],
          [0.02, 0],
          [0.03, 1]
        ] as const) {
          const heard = yield* laidOut(model, video(clip, { end, ...small }))
          const silent = yield* laidOut(model, video(clip, { end, sound: false, ...small }))
          expect(heard.rows).toEqual([...silent.rows, ["audio", rows]])
          if (rows === 0) expect([heard.kinds, heard.text]).toEqual([silent.kinds, silent.text])
          else expect(heard.kinds).toEqual(["Text", "Interleaved", "Text"])
          expect(silent.kinds).toEqual(["Text", "Media", "Text"])
        }
      })
    ))
})

describe("frames' bounds", () => {
  it("are the published utility's where nobody says, whatever the checkpoint says of pictures", () =>
    run(
      Effect.gen(function* () {
        // preprocessor_config.json: pictures of 3,136 to 18,816 pixels. Videos: 128 x 28 x 28 at the least (videos_kwargs of Qwen2_5OmniProcessor).
        for (const checkpoint of [folder, changeJson("preprocessor_config.json", (settings) => ({ ...settings, min_pixels: 784, max_pixels: 1568 }))]) {
          const { plan } = yield* planOf(yield* open(checkpoint), video(clip, { sound: false }), "What?")
          // 96 x 64 grows by sqrt(100,352 / 6,144) = 4.04: ceil(388.0 / 28) and ceil(258.7 / 28) blocks of 28, two patches each.
          expect(plan.media[0].plan.geometry?.grid?.slice(1)).toEqual([2 * 10, 2 * 14])
        }
      })
    ))
})

describe("sound longer than the extractor's window", () => {
  const wav = (samples: Float32Array) =>
    audio(makeWav(bytesOf(samples), { bits: 32, float: true }), {
      // @ts-expect-error: of `verify` alone
      longAudio: "cut"
    })

  it("is cut where `verify` asks for it, as the extractor cuts it: what lies behind changes nothing", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        // 30 s of sound (chunk_length), then half a second that is louder than all of it: the log-mel's floor follows the loudest.
        const whole = tone(30.5 * 16_000).map((value, i) => (i < 30 * 16_000 ? value * 0.1 : value))
        const seen = (samples: Float32Array) =>
          Effect.gen(function* () {
            const [{ plan, stages }] = (yield* planOf(model, wav(samples), "What?")).plan.media
            if (stages === undefined) throw new Error("the producer does not show its features")
            const blocks = yield* Stream.runCollect(stages.features)
            return { rows: plan.rows, shapes: blocks.map(({ shape }) => shape), data: blocks.map(({ data }) => data) }
          })
        const cut = yield* seen(whole)
        expect(cut.rows).toBe(750)
        expect(cut.shapes.reduce((sum, [, frames]) => sum + frames, 0)).toBe(3000)
        expect(cut).toEqual(yield* seen(whole.slice(0, 30 * 16_000)))
      })
    ))
})

describe("checkpoints of Qwen2.5-Omni", () => {
  it("hold the model under `thinker.`, the talker and its sound beside it, or the model alone: both are the same model, and no tensor is left over", async () => {
    const alone = await changeTensors(
      (tensors) => {
        expect([...tensors.keys()].filter((name) => !name.startsWith("thinker.")).map((name) => name.split(".")[0])).toEqual(["talker", "token2wav"])
        for (const [name, tensor] of Array.from(tensors)) {
          tensors.delete(name)
          if (name.startsWith("thinker.")) tensors.set(name.slice(8), tensor)
        }
      },
      (config) => ({ ...Object(config.thinker_config), model_type: "qwen2_5_omni_thinker" })
    )
    await run(
      Effect.gen(function* () {
        const [nested, bare] = [yield* open(folder, true), yield* open(alone, true)]
        expect([nested.modelType, bare.modelType]).toEqual(["qwen2_5_omni", "qwen2_5_omni"])
        expect(yield* bare.decoder.embed(Int32Array.of(3, 9))).toEqual(yield* nested.decoder.embed(Int32Array.of(3, 9)))
        const rows = (model: LoadedModel) =>
          Effect.flatMap(planOf(model, video(clip, small), "What?"), ({ plan }) =>
            Effect.forEach(plan.media, ({ encode }) => Effect.map(Stream.runCollect(encode), (chunks) => chunks.map(({ data }) => data)))
          )
        expect(yield* rows(bare)).toEqual(yield* rows(nested))
      })
    )
  })
})
