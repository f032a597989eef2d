import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { make, type NoSettings, type EmbeddingProducer, withSettings } from "../../src/core/embedding-producer.ts"
import type { MediaPlan } from "../../src/core/media-plan.ts"
import type { Message, Part } from "../../src/core/prompt.ts"
import { rowTable } from "../../src/core/prompt-layout.ts"
import type { Media } from "../../src/core/source.ts"
import { mediaSegment } from "../../src/session/media-segment.ts"
import { placeholderPlanner, type PlaceholderTemplate } from "../../src/session/placeholder-planner.ts"
import { openChatTemplate } from "../../src/text/chat-template.ts"
import { openTokenizer } from "../../src/text/tokenizer.ts"

const read = (folder: string, name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, "../golden", folder, "checkpoint", name), "utf8"))
const media = (modality: string, name: string): Media => ({ modality, name, contentId: name, options: {}, tracks: [] })
const medium = (modality: string, name: string): Part => ({ _tag: "Media", media: media(modality, name) })
const text = (value: string): Part => ({ _tag: "Text", text: value })
const user = (...content: ReadonlyArray<Part>): Message => ({ role: "user", content })

/** A producer of `rows` rows that needs no weights. */
const producer = <Settings extends MediaPlan["settings"]>(modality: string, rows: number): EmbeddingProducer<Settings> =>
  make<Media, Settings, MediaPlan>({
    modality,
    id: "weights",
    width: 4,
    accepts: (one) => Option.some(one),
    plan: (_, __, common) => ({ ...common, form: "rows", levels: 0, rows, pieces: [{ rows }] }),
    encode: () => Stream.empty
  })

const planned = (
  folder: string,
  messages: ReadonlyArray<Message>,
  options: Partial<PlaceholderTemplate>,
  change: (tokenizerJson: unknown) => unknown = (same) => same,
  jinja?: string
) =>
  Effect.gen(function* () {
    const tokenizer = yield* openTokenizer({ tokenizerJson: change(read(folder, "tokenizer.json")), tokenizerConfig: read(folder, "tokenizer_config.json") })
    const source = jinja ?? readFileSync(join(import.meta.dirname, "../golden", folder, "checkpoint/chat_template.jinja"), "utf8")
    const template = yield* openChatTemplate({ jinja: source }, tokenizer)
    const producers = [producer<NoSettings>("image", 2), producer<NoSettings>("video", 3)]
    const plan = yield* placeholderPlanner({ tokenizer, template, producers, placeholders: {}, partsOnly: true, ...options }).plan({ messages })
    const table = rowTable(plan.layout)
    return { plan, tokenizer, ids: Array.from({ length: table.rows }, (_, row) => (table.media[row] === -1 ? table.item[row] : -1 - table.media[row])) }
  })

describe("media of several modalities", () => {
  it.effect("stand where the template puts each, whatever the order of their parts", () =>
    Effect.gen(function* () {
      const { ids } = yield* planned("llava_onevision", [user(medium("video", "v"), text("Which?"), medium("image", "a"), medium("image", "b"))], {
        placeholders: { image: 514, video: 515 }
      })
      // Pictures first, then clips: media 1 and 2, then 0.
      expect(ids.filter((id) => id < 0)).toEqual([-2, -2, -3, -3, -1, -1, -1])
    })
  )

  it.effect("are counted: a template with too few places is refused", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(
        planned(
          "llava_onevision",
          [user(medium("video", "v"), text("Which?"))],
          { placeholders: { image: 514, video: 515 } },
          undefined,
          "{{ messages[0].content[1].text }}"
        )
      )
      expect(failure).toMatchObject({ _tag: "OptionInvalid", option: "messages" })
      expect(failure.message).toContain("places for 0 media of video, the prompt has 1")
    })
  )
})

describe("tokens around a prompt", () => {
  const bos = 512
  it.effect("are the tokenizer's, where the template writes none", () =>
    Effect.gen(function* () {
      const asked = [user(text("Hi."))]
      const { ids } = yield* planned("llava/clip", asked, { around: true })
      expect(ids.filter((id) => id === bos).length).toBe(1)
      expect(ids[0]).toBe(bos)
      expect((yield* planned("llava/clip", asked, {})).ids).toEqual(ids.slice(1))
      expect(
        (yield* planned("llava/clip", asked, { around: true }, undefined, "{{ bos_token }}{{ messages[0].content[0].text }}")).ids.filter((id) => id === bos)
          .length
      ).toBe(1)
    })
  )
})

describe("a space in front of text", () => {
  const jinja = "{% for part in messages[0].content %}{{ part.text }}{% endfor %}"
  const asked = [user(text("What"), medium("image", "a"), text("What"))]
  const place: PlaceholderTemplate["place"] = (layout, [{ index, plan }]) => layout.segment(mediaSegment(plan, index))
  const first = (json: unknown) => ({
    ...Object(json),
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }
  })

  it.effect("LLaMA's normalizer puts one in front of every call", () =>
    Effect.gen(function* () {
      const { ids, tokenizer } = yield* planned("mobilevlm/ldpnetv2", asked, { bringsMarkers: () => true, place }, undefined, jinja)
      const word = Array.from(tokenizer.encodeText("What"))
      expect(tokenizer.encodeText("What")).not.toEqual(tokenizer.encodeText("What", { normalized: true }))
      expect(ids).toEqual([...word, -1, -1, ...word])
    })
  )

  it.effect("a tokenizer that puts one at the beginning alone does so behind a medium only where that begins a call", () =>
    Effect.gen(function* () {
      const inOne = yield* planned("mobilevlm/ldpnetv2", asked, {}, first, jinja)
      const apart = yield* planned("mobilevlm/ldpnetv2", asked, { callAfterMedia: true }, first, jinja)
      const [begun, going] = [true, false].map((atStart) => Array.from(inOne.tokenizer.encodeText("What", { atStart })))
      expect(begun).not.toEqual(going)
      expect(inOne.ids).toEqual([...begun, -1, -1, ...going])
      expect(apart.ids).toEqual([...begun, -1, -1, ...begun])
    })
  )
})

describe("what the rest of a prompt decides", () => {
  const decided = (settings: { readonly tiled: boolean }) => () => [withSettings(producer<{ readonly tiled: boolean }>("image", 2), settings)]

  it.effect("is part of a medium's key", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach([true, false], (tiled) =>
        Effect.map(
          planned("llava_onevision", [user(medium("image", "a"))], { placeholders: { image: 514 }, producers: decided({ tiled }) }),
          ({ plan }) => plan.media[0].plan
        )
      )
      expect(keys.map(({ settings }) => settings)).toEqual([{ tiled: true }, { tiled: false }])
      expect(keys[0].key).not.toBe(keys[1].key)
    })
  )

  it.effect("refuses rows that another prompt made otherwise, and takes those that are the same", () =>
    Effect.gen(function* () {
      const asked = (tiled: boolean) => ({ placeholders: { image: 514 }, producers: decided({ tiled }) })
      const { plan } = yield* planned("llava_onevision", [user(medium("image", "a"))], asked(true))
      const kept: Part = { _tag: "Produced", kept: true, media: plan.media }
      expect((yield* planned("llava_onevision", [user(kept)], asked(true))).plan.media[0].plan.key).toBe(plan.media[0].plan.key)
      expect(yield* Effect.flip(planned("llava_onevision", [user(kept)], asked(false)))).toMatchObject({
        _tag: "PlanMismatch",
        setting: "tiled",
        kept: "true",
        wanted: "false"
      })
    })
  )
})
