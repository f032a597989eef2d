import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Context } from "effect"
import { Arbitrary, Effect, Exit, Layer, Schema, Scope, Stream } from "effect"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { audio, image } from "../../src/face/media-values.ts"
import { isSensoriumError } from "../../src/index.ts"
import { loadModel, type LoadServices, services } from "../../src/face/load-model.ts"
import { answer, type AskOptions, emptyCells, type HeldCells } from "../../src/session/ask.ts"
import * as EncoderCache from "../../src/session/encoder-cache.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { type ChatMessage, type ContentPart, openPrompt } from "../../src/session/open-prompt.ts"
import { defaultPrefillSettings } from "../../src/session/prefill.ts"
import { goldenFolders } from "./golden-folders.ts"

const families = readdirSync(join(import.meta.dirname, "../../src/models"))
const cacheDir = mkdtempSync(join(tmpdir(), "sensorium-laws-"))
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }))

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const RandomPart = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("text"), text: Schema.String.check(Schema.isMaxLength(40)) }),
  Schema.Struct({ kind: Schema.Literal("image"), width: int(12, 160), height: int(12, 160), colour: int(0, 0xffffff) }),
  Schema.Struct({ kind: Schema.Literal("audio"), samples: int(800, 48_000), hertz: int(50, 4_000) })
])
const RandomTurn = Schema.Array(RandomPart).check(Schema.isBetweenLength(1, 3))
const Case = Schema.Struct({ first: RandomTurn, second: RandomTurn, maxRows: int(1, 24), seed: int(0, 2 ** 31) })

const picture = ({ colour, height, width }: { readonly width: number; readonly height: number; readonly colour: number }) => {
  const data = Buffer.alloc(width * height * 3)
  for (let i = 0; i < data.length; i++) data[i] = (colour >> (8 * (i % 3))) ^ ((i * 31) >> 4)
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer()
}

const recording = ({ hertz, samples }: { readonly samples: number; readonly hertz: number }) => {
  const wav = Buffer.alloc(44 + samples * 2)
  wav.write("RIFF", 0)
  wav.writeUInt32LE(36 + samples * 2, 4)
  wav.write("WAVEfmt ", 8)
  wav.set([16, 0, 0, 0, 1, 0, 1, 0], 16)
  wav.writeUInt32LE(16_000, 24)
  wav.writeUInt32LE(32_000, 28)
  wav.set([2, 0, 16, 0], 32)
  wav.write("data", 36)
  wav.writeUInt32LE(samples * 2, 40)
  for (let i = 0; i < samples; i++) wav.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * hertz * i) / 16_000)), 44 + i * 2)
  return wav
}

const turn = async (parts: typeof RandomTurn.Type, known: ReadonlyArray<string>): Promise<ChatMessage> => {
  const content = await Promise.all(
    parts.map(async (part): Promise<ContentPart> => {
      if (part.kind === "text" || !known.includes(part.kind)) return part.kind === "text" ? part.text : "nothing"
      return part.kind === "image" ? image(await picture(part)) : audio(recording(part))
    })
  )
  return { role: "user", content: [...content, "What is it?"] }
}

interface Answered {
  readonly logits: ReadonlyArray<Float32Array>
  readonly tokens: ReadonlyArray<number>
  readonly kept: number
  readonly text: string
}

const ask = (
  model: LoadedModel,
  turns: ReadonlyArray<ChatMessage>,
  held: HeldCells,
  maxRows: number,
  cache: EncoderCache.EncoderCache,
  options: AskOptions = {}
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const logits: Array<Float32Array> = []
      const tokens: Array<number> = []
      let [kept, text] = [0, ""]
      const prompt = yield* openPrompt(turns)
      yield* answer(
        model,
        prompt,
        {
          maxTokens: 3,
          temperature: 0,
          ...options,
          onLogits: (row, token) => {
            logits.push(row.slice())
            tokens.push(token)
          }
        },
        held,
        { prefill: { ...defaultPrefillSettings, maxRows }, encoderCache: cache }
      ).pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => {
            if (event.type === "finish") kept = event.usage.cacheReadTokens
            if (event.type === "text-delta") text += event.text
          })
        )
      )
      const answered: Answered = { logits, tokens, kept, text }
      return answered
    })
  )

/** The same numbers within rounding, as long as both took the same tokens. */
const close = (a: Answered, b: Answered) => {
  const most = a.logits[0].reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  for (let step = 0; step < Math.min(a.logits.length, b.logits.length); step++) {
    for (let i = 0; i < a.logits[step].length; i++) {
      if (!(Math.abs(a.logits[step][i] - b.logits[step][i]) <= 1e-3 * most)) return false
    }
    if (a.tokens[step] !== b.tokens[step]) break
  }
  return true
}

/** Pictures of some families take 1,000 rows: a prompt beyond a tiny checkpoint's context is no case of the law. */
const outOfScope = (error: unknown): Effect.Effect<boolean, unknown> =>
  isSensoriumError(error) && error._tag === "ContextOverflow" ? Effect.succeed(true) : Effect.fail(error)

const same = (a: Answered, b: Answered) =>
  a.tokens.join() === b.tokens.join() && a.logits.every((row, step) => row.every((value, i) => Object.is(value, b.logits[step][i])))

const places = families.flatMap((family) =>
  goldenFolders.filter((place) => place.family === family && existsSync(join(place.folder, "checkpoint"))).slice(0, 1)
)

describe.each(places)("laws on $name, through its graphs", ({ family, folder }) => {
  const runs = family === "qwen2_5_omni" ? 100 : 15
  let scope: Scope.Closeable
  let context: Context.Context<LoadServices>
  let model: LoadedModel
  const run = <A, E>(effect: Effect.Effect<A, E, LoadServices | Scope.Scope>) => Effect.runPromise(Scope.provide(Effect.provideContext(effect, context), scope))
  beforeAll(async () => {
    scope = Scope.makeUnsafe()
    context = await Effect.runPromise(Layer.buildWithScope(services({ cacheDir }), scope))
    model = await run(loadModel({ model: join(folder, "checkpoint"), cacheDir }))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const holds = async (law: (one: typeof Case.Type) => Effect.Effect<boolean, unknown, LoadServices | Scope.Scope>) => {
    const found = await run(Arbitrary.checkEffect(Arbitrary.schema(Case), (one) => Effect.scoped(law(one)).pipe(Effect.catch(outOfScope)), { runs }))
    expect(found._tag, JSON.stringify(found)).toBe("Passed")
  }
  const none = () => EncoderCache.make(0)

  it("2 and 6: rows planned are rows encoded; rows from the cache are the same, bit for bit", () =>
    holds((one) =>
      Effect.gen(function* () {
        const turns = [yield* Effect.promise(() => turn(one.first, model.modalities))]
        const prompt = yield* openPrompt(turns)
        const { media } = yield* model.family.planner.plan(prompt)
        const cache = EncoderCache.make(2 ** 30)
        for (const planned of media) {
          const fresh = yield* Stream.runCollect(cache.through(planned).encode)
          const kept = yield* Stream.runCollect(cache.through({ ...planned, encode: Stream.die("encoded again") }).encode)
          if (fresh.reduce((sum, { rows }) => sum + rows, 0) !== planned.plan.rows) return false
          if (fresh.some(({ data }, i) => data.some((value, at) => !Object.is(value, kept[i].data[at])))) return false
        }
        return true
      })
    ))

  it("3: chunked prefill is whole prefill", () =>
    holds((one) =>
      Effect.gen(function* () {
        const turns = [yield* Effect.promise(() => turn(one.first, model.modalities))]
        const whole = yield* ask(model, turns, yield* emptyCells(model), 1e6, none())
        return close(whole, yield* ask(model, turns, yield* emptyCells(model), one.maxRows, none()))
      })
    ))

  it("4: a cache that is cut back and filled again is one that never went further", () =>
    holds((one) =>
      Effect.gen(function* () {
        const [first, second] = yield* Effect.promise(() => Promise.all([turn(one.first, model.modalities), turn(one.second, model.modalities)]))
        const held = yield* emptyCells(model)
        const { text } = yield* ask(model, [first], held, 64, none())
        const turns: ReadonlyArray<ChatMessage> = [first, { role: "assistant", content: text }, second]
        const reused = yield* ask(model, turns, held, 64, none())
        const fresh = yield* ask(model, turns, yield* emptyCells(model), 64, none())
        // Another future of the same past, in the same cells: what was written by the other one is not seen.
        const other: ReadonlyArray<ChatMessage> = [first, { role: "assistant", content: "No." }, second]
        const again = yield* ask(model, other, held, 64, none())
        return close(fresh, reused) && close(yield* ask(model, other, yield* emptyCells(model), 64, none()), again)
      })
    ))

  it("5: the same seed gives the same tokens, the same prompt the same bits", () =>
    holds((one) =>
      Effect.gen(function* () {
        const turns = [yield* Effect.promise(() => turn(one.first, model.modalities))]
        const sampled = () => Effect.flatMap(emptyCells(model), (held) => ask(model, turns, held, 64, none(), { temperature: 1, seed: one.seed }))
        return same(yield* sampled(), yield* sampled())
      })
    ))
})
