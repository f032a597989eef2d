import { Effect, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts"
import { audio, image, video } from "../../src/face/media-values.ts"
import { answer, emptyCells } from "../../src/session/ask.ts"
import { openTokenizerOf } from "../../src/session/checkpoint-text.ts"
import * as EncoderCache from "../../src/session/encoder-cache.ts"
import { openPrompt } from "../../src/session/open-prompt.ts"
import { defaultPrefillSettings } from "../../src/session/prefill.ts"
import { goldenFolders } from "../conformance/golden-folders.ts"
import { bytesOf, makeWav, tone } from "../modalities/audio/make-wav.ts"
import { checkpoints, planOf } from "./changed-checkpoint.ts"
import { goldenFile } from "./family-model.ts"

const media = {
  image: () => image(goldenFile("gemma3", "media", "large.png")),
  video: () => video(goldenFile("idefics3", "smolvlm", "media", "clip.mkv"), { fps: 2 }),
  audio: () => audio(makeWav(bytesOf(tone(16_000)), { bits: 32, float: true }))
}

const mediumOf = (modality: string) => media[modality === "image" || modality === "video" ? modality : "audio"]()

describe.each(goldenFolders)("$name", ({ name }) => {
  const { folder, open, run } = checkpoints(name)

  it("a medium that the model cannot take is refused, and what it takes is listed", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const listed = model.modalities.length === 0 ? "it takes text alone" : `it takes text, ${model.modalities.join(", ")}`
        for (const [modality, medium] of Object.entries(media)) {
          if (model.modalities.includes(modality)) {
            expect((yield* planOf(model, medium(), "What?")).plan.media.map(({ plan }) => plan.modality)).toEqual([modality])
            continue
          }
          const failure = yield* Effect.flip(planOf(model, medium(), "What?"))
          expect(failure).toMatchObject({ _tag: "UnsupportedMedia", stage: "plan", modality })
          expect(failure.message).toContain(`this model does not take ${modality}; ${listed}`)
        }
      })
    ))

  it("a placeholder in a question, without its medium, is ordinary text: no row is kept for it and none of its tokens is the placeholder's", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const tokenizer = yield* Effect.flatMap(openCheckpoint(folder), openTokenizerOf)
        for (const modality of model.modalities) {
          const medium = mediumOf(modality)
          const token = model.reference.placeholder((yield* planOf(model, medium, "What?")).plan.media[0].plan)
          // Where the published code has a number alone (-200), it is written <image>.
          const spelled = token < 0 ? "<image>" : tokenizer.decode([token], { skipControl: false })
          expect(spelled).toMatch(/^<.+>$/)
          const { plan } = yield* planOf(model, `What is ${spelled}?`)
          expect(plan.media).toEqual([])
          const tokens = plan.layout.segments.flatMap((segment): ReadonlyArray<number | string> =>
            segment._tag === "Text" ? Array.from(segment.tokens) : [segment._tag]
          )
          expect(tokens).not.toContain(token)
          expect(tokens).not.toContain("Media")
        }
      })
    ))

  it("more rows than the context holds are refused with both figures; as many as it holds are answered", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const [modality] = model.modalities
        const content = [...(modality === undefined ? [] : [mediumOf(modality)]), "What is it?"]
        const planned = yield* planOf(model, ...content)
        const total = planned.summary.rows.total
        const prompt = yield* openPrompt([{ role: "user", content }])
        const ask = (contextRows: number) =>
          Effect.gen(function* () {
            const tight = { ...model, contextRows }
            const settings = { prefill: defaultPrefillSettings, encoderCache: EncoderCache.make(0) }
            yield* Stream.runDrain(answer(tight, prompt, { maxTokens: 1, temperature: 0 }, yield* emptyCells(tight), settings))
          })
        // The answer's one token counts.
        expect(yield* Effect.flip(ask(total))).toMatchObject({ _tag: "ContextOverflow", stage: "plan", rowsNeeded: total + 1, rowsLeft: total })
        yield* ask(total + 1)
        for (const { plan } of planned.plan.media) {
          if (plan.form === "memory") continue
          const failure = yield* Effect.flip(ask(plan.rows - 1))
          expect(failure).toMatchObject({ _tag: "ContextOverflow", stage: "plan", rowsLeft: plan.rows - 1 })
          expect(failure._tag === "ContextOverflow" && failure.rowsNeeded).toBeGreaterThan(plan.rows - 1)
        }
      })
    ))
})
