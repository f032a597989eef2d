import { rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { audio, image } from "../../../src/index.ts"
import { convolvedRows, pooledRows } from "../../../src/compile/blocks/whisper-rows.ts"
import { bytesOf, makeWav, tone } from "../../modalities/audio/make-wav.ts"
import { checkpoints, planOf } from "../changed-checkpoint.ts"
import { familyModel, goldenFile } from "../family-model.ts"

const model = familyModel("qwen2_audio")
const { changeJson, folder, open, run } = checkpoints("qwen2_audio")
const wav = (seconds: number) => makeWav(bytesOf(tone(Math.round(seconds * 16000))), { bits: 32, float: true })

describe("Qwen2-Audio's recordings", () => {
  it("have a row for four mel frames, and none for one or two", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 2999, 3000].map(pooledRows)).toEqual([0, 0, 1, 1, 1, 1, 2, 2, 750, 750])
    expect([1, 2, 3, 4, 3000].map(convolvedRows)).toEqual([1, 1, 2, 2, 1500])
  })

  it.each([
    [0.005, 0],
    [0.02, 0],
    [0.05, 1],
    [1.7, 42],
    [29.99, 750],
    [30, 750]
  ])("of %s s have %s rows, planned and encoded", async (seconds, rows) => {
    const plan = await model().plan([audio(wav(seconds)), "What is said?"])
    expect(plan.media[0].rows).toBe(rows)
    const encoded = await Array.fromAsync(model().encode(audio(wav(seconds))))
    expect(encoded.reduce((sum, chunk) => sum + chunk.rows, 0)).toBe(rows)
    const { text, usage } = await model().ask([audio(wav(seconds)), "What is said?"], { maxTokens: 2 })
    expect(usage.rows.audio ?? 0).toBe(rows)
    expect(text).toEqual(expect.any(String))
  })

  it("longer than the encoder's window are refused with both lengths, or encoded window by window, each as its own", async () => {
    await expect(model().ask([audio(wav(31)), "What is said?"])).rejects.toMatchObject({ _tag: "LimitExceeded", needed: 31, allowed: 30 })
    // @ts-expect-error: what JavaScript may say
    await expect(model().ask([audio(wav(31), { longAudio: "all" }), "What is said?"])).rejects.toMatchObject({ _tag: "OptionInvalid", option: "longAudio" })
    const chunks = await Array.fromAsync(model().encode(audio(wav(31), { longAudio: "windows" })))
    expect(chunks.map(({ atSeconds, rows }) => [rows, atSeconds])).toEqual([
      [750, 0],
      [25, 30]
    ])
    const [first] = await Array.fromAsync(model().encode(audio(wav(30))))
    expect(first.data).toEqual(chunks[0].data)
  })

  it("are cut to the window where `verify` asks for it, as the extractor cuts them: what lies behind changes nothing", () =>
    run(
      Effect.gen(function* () {
        const loaded = yield* open(folder)
        // The last second is ten times as loud: the log-mel's floor follows the loudest.
        const whole = tone(31 * 16_000).map((value, i) => (i < 30 * 16_000 ? value / 10 : value))
        const rowsOf = (samples: Float32Array) =>
          Effect.gen(function* () {
            const sound = audio(makeWav(bytesOf(samples), { bits: 32, float: true }), {
              // @ts-expect-error: of `verify` alone
              longAudio: "cut"
            })
            const [{ encode, plan }] = (yield* planOf(loaded, sound, "What is said?")).plan.media
            expect(plan.rows).toBe(750)
            return (yield* Stream.runCollect(encode)).map(({ data }) => data)
          })
        expect(yield* rowsOf(whole)).toEqual(yield* rowsOf(whole.slice(0, 30 * 16_000)))
      })
    ))

  it("end where their last samples end: what the encoder hears beyond is not silence", async () => {
    // Both have 100 mel frames; the longer one's last samples reach past the hundredth.
    const rows = async (samples: number) => (await Array.fromAsync(model().encode(audio(makeWav(bytesOf(tone(samples)), { bits: 32, float: true })))))[0]
    const [short, long] = [await rows(15_900), await rows(16_000)]
    expect(short.rows).toBe(25)
    expect(long.rows).toBe(25)
    expect(short.data).not.toEqual(long.data)
  })

  it("are numbered by the processor's own template where the checkpoint has none, whatever the tokenizer's says", () =>
    run(
      Effect.gen(function* () {
        const bare = changeJson("tokenizer_config.json", (config) => ({ ...config, chat_template: "{% for m in messages %}{{ m['content'] }}{% endfor %}" }))
        rmSync(join(bare, "chat_template.jinja"))
        const layouts = yield* Effect.forEach([folder, bare], (checkpoint) =>
          Effect.flatMap(open(checkpoint), (loaded) => Effect.map(planOf(loaded, audio(wav(1)), audio(wav(0.5)), "What is said?"), ({ plan }) => plan.layout))
        )
        expect(layouts[1]).toEqual(layouts[0])
      })
    ))

  it("are all that the model takes beside text", async () => {
    await expect(model().ask([image(goldenFile("mllama", "media", "a.png")), "What?"])).rejects.toMatchObject({
      _tag: "UnsupportedMedia",
      message: expect.stringContaining("it takes text, audio")
    })
  })
})
