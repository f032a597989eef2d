import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { loadModel, type LoadServices, services } from "../../src/face/load-model.ts"
import { audio, image, video } from "../../src/face/media-values.ts"
import { plan } from "../../src/session/ask.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { type ContentPart, openPrompt } from "../../src/session/open-prompt.ts"
import type { Tensor } from "../../src/tensor/tensor.ts"

const golden = (path: string) => join(import.meta.dirname, "../golden", path)
const temporary = mkdtempSync(join(tmpdir(), "sensorium-llava-"))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

const run = <A, E>(effect: Effect.Effect<A, E, LoadServices | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(services({ cacheDir: join(temporary, "cache") }))))
const open = (checkpoint: string) => loadModel({ model: checkpoint, dtype: "fp32", strict: true, cacheDir: join(temporary, "cache") })
const planOf = (model: LoadedModel, ...content: ReadonlyArray<ContentPart>) =>
  Effect.flatMap(openPrompt([{ role: "user", content }]), (prompt) => plan(model, prompt, { maxTokens: 4 }))

type Json = Readonly<Record<string, unknown>>
const object = (value: unknown): Json => ({ ...Object(value) })
const clip = "clip-vit-large-patch14-336"
let copies = 0

/** A copy of a golden folder, without its cases, with JSON files changed; the path of its checkpoint. */
const changed = (family: string, files: Readonly<Record<string, (json: Json) => Json>>): string => {
  const folder = join(temporary, `copy-${copies++}`)
  mkdirSync(folder)
  cpSync(golden(`${family}/checkpoint`), join(folder, "checkpoint"), { recursive: true })
  if (family.startsWith("mobilevlm") || family === "llava_uhd") cpSync(golden(`${family}/${clip}`), join(folder, clip), { recursive: true })
  for (const [name, change] of Object.entries(files))
    writeFileSync(join(folder, name), JSON.stringify(change(object(JSON.parse(readFileSync(join(folder, name), "utf8"))))))
  return join(folder, "checkpoint")
}

const rewrite = (path: string, change: (tensors: Map<string, Tensor>) => void) =>
  Effect.gen(function* () {
    const file = yield* openSafetensors(path)
    const tensors = new Map<string, Tensor>()
    for (const name of file.tensors.keys()) tensors.set(name, yield* file.read(name))
    change(tensors)
    yield* writeSafetensors(path, Object.fromEntries(tensors))
  })

/** Golden folders, a picture of each, and a tensor of the encoder with where it lies. */
const families = [
  ["llava/clip", "a.png", "checkpoint", "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", ["image"]],
  ["llava/siglip", "a.png", "checkpoint", "multi_modal_projector.linear_2.weight", ["image"]],
  ["llava_onevision", "a.png", "checkpoint", "image_newline", ["image", "video"]],
  ["llava_uhd", "small.png", clip, "vision_model.embeddings.class_embedding", ["image"]],
  ["mobilevlm/ldpnet", "small.png", clip, "vision_model.encoder.layers.1.self_attn.q_proj.weight", ["image"]],
  ["mobilevlm/ldpnetv2", "small.png", "checkpoint", "model.mm_projector.peg.peg.0.weight", ["image"]]
] as const

describe.each(families)("%s", (family, picture, part, tensor, takes) => {
  it("reads or knows every tensor; takes what it takes, and says so of anything else", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        expect([...model.modalities].sort()).toEqual(takes)
        const others = [audio(golden("qwen2_5_omni/media/a.wav")), ...(takes.length === 1 ? [video(golden("qwen2_5_omni/media/clip.mkv"))] : [])]
        for (const other of others) {
          const failure = yield* Effect.flip(planOf(model, other, "What is it?"))
          expect(failure._tag).toBe("UnsupportedMedia")
          expect(failure.message).toContain(`it takes text, ${takes.join(", ")}`)
        }
      })
    ))

  it("a placeholder written in a question is ordinary text", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden(`${family}/checkpoint`))
        const { plan: planned } = yield* planOf(model, image(golden(`${family}/media/${picture}`)), "What is <image>, <video> and </s>?")
        expect(planned.media.length).toBe(1)
        const text = planned.layout.segments.flatMap((segment) => (segment._tag === "Text" ? Array.from(segment.tokens) : []))
        expect(text).not.toContain(model.reference.placeholder(planned.media[0].plan))
        expect([...model.stopTokens].some((token) => text.includes(token) && family !== "llava_onevision" && family !== "llava/siglip")).toBe(false)
      })
    ))

  it("a tensor that is missing or has another shape is named", async () => {
    const checkpoint = changed(family, {})
    const path = join(checkpoint, "..", part, "model.safetensors")
    const name = part === clip ? `${clip}/${tensor}` : tensor
    await run(rewrite(path, (tensors) => tensors.set(tensor, { dtype: "float32", shape: [3, 5], data: new Float32Array(15) })))
    expect(await run(Effect.flip(open(checkpoint)))).toMatchObject({ _tag: "WeightsMismatch", tensor: name, found: "[3, 5]" })
    await run(rewrite(path, (tensors) => tensors.delete(tensor)))
    expect(await run(Effect.flip(open(checkpoint)))).toMatchObject({ _tag: "WeightsMismatch", tensor: name, found: "missing" })
  })
})

describe("tensors as transformers 5 names its modules", () => {
  it.each(["llava/clip", "llava_onevision"])("%s", async (family) => {
    for (const nested of ["vision_model.", ""]) {
      const checkpoint = changed(family, {})
      await run(
        rewrite(join(checkpoint, "model.safetensors"), (tensors) => {
          const before = [...tensors]
          tensors.clear()
          for (const [name, tensor] of before) {
            tensors.set(
              name
                .replace(/^language_model\.lm_head\./, "lm_head.")
                .replace(/^language_model\.model\./, "model.language_model.")
                .replace(/^vision_tower\.vision_model\./, `model.vision_tower.${nested}`)
                .replace(/^(multi_modal_projector\.|image_newline$)/, "model.$1"),
              tensor
            )
          }
        })
      )
      expect((await run(Effect.result(open(checkpoint))))._tag).toBe("Success")
    }
  })
})

/** The change of one field, at the top or in a part of the file. */
const set =
  (field: string, value: unknown) =>
  (json: Json): Json => {
    const [head, ...rest] = field.split(".")
    return rest.length === 0 ? { ...json, [head]: value } : { ...json, [head]: set(rest.join("."), value)(object(json[head])) }
  }

it.each([
  ["llava/clip", "config.json", "vision_feature_layer", -5],
  ["llava/clip", "config.json", "vision_feature_layer", []],
  ["llava/clip", "config.json", "projector_hidden_act", "swish2"],
  ["llava/clip", "config.json", "vision_config.model_type", "pixtral"],
  ["llava/clip", "config.json", "text_config.model_type", "mistral"],
  ["llava/clip", "config.json", "vision_config.patch_size", 0],
  ["llava/clip", "config.json", "text_config.attention_bias", true],
  ["llava/clip", "config.json", "vision_feature_select_strategy", "first"],
  ["llava/clip", "processor_config.json", "image_processor.crop_size", { height: 40, width: 40 }],
  ["llava/siglip", "processor_config.json", "image_processor.size", { height: 40, width: 40 }],
  ["llava_onevision", "config.json", "vision_aspect_ratio", "pad"],
  ["llava_onevision", "config.json", "image_grid_pinpoints", [[44, 60]]],
  ["llava_onevision", "config.json", "image_grid_pinpoints", []],
  ["llava_onevision", "config.json", "vision_feature_select_strategy", "default"],
  ["llava_onevision", "processor_config.json", "image_processor.image_grid_pinpoints", [[44, 44]]],
  ["llava_onevision", "processor_config.json", "video_processor.size", { height: 40, width: 40 }],
  ["llava_uhd", "config.json", "mm_projector_type", "mlp2x_gelu"],
  ["llava_uhd", "config.json", "mm_hidden_size", 48],
  ["llava_uhd", "config.json", "mm_vision_select_layer", 9],
  ["mobilevlm/ldpnet", "config.json", "mm_projector_type", "linear"],
  ["mobilevlm/ldpnet", "config.json", "mm_use_im_start_end", true],
  ["mobilevlm/ldpnet", "config.json", "mm_vision_select_feature", "cls_patch"],
  ["mobilevlm/ldpnet", "config.json", "mm_vision_tower", ".."],
  ["mobilevlm/ldpnetv2", "config.json", "mm_vision_tower", "org/elsewhere"],
  ["mobilevlm/ldpnet", "config.json", "num_attention_heads", 5]
] as const)("%s: %s with another %s is refused, and the field named (%j)", async (family, file, field, value) => {
  const failure = await run(Effect.flip(open(changed(family, { [`checkpoint/${file}`]: set(field, value) }))))
  expect(failure._tag).toBe("CheckpointUnreadable")
  expect(failure.message).toContain(field.split(".").at(-1))
})

describe("LLaVA-OneVision", () => {
  it("cuts a picture into tiles only where it is the conversation's one picture; a clip does not count", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden("llava_onevision/checkpoint"))
        const [large, small, film] = [
          image(golden("llava_onevision/media/large.png")),
          image(golden("llava_onevision/media/a.png")),
          video(golden("llava_onevision/media/clip.mkv"), { fps: 2 })
        ]
        const of = (...content: ReadonlyArray<ContentPart>) =>
          Effect.map(planOf(model, ...content), ({ plan: planned }) =>
            planned.media.map(({ plan: { geometry, rows, settings } }) => ({ rows, settings, slices: geometry?.slices }))
          )
        const [alone] = yield* of(large, "What?")
        expect(alone.settings).toEqual({ tiled: true })
        expect(alone.slices).not.toEqual([0, 0])
        expect((yield* of(large, film, "What?"))[0]).toEqual(alone)
        for (const one of yield* of(large, small, "What?")) expect(one).toEqual({ rows: 26, settings: { tiled: false }, slices: [0, 0] })
      })
    ))

  it("a clip has a quarter of each frame's rows, rounded up, and one line break", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden("llava_onevision/checkpoint"))
        const { plan: planned } = yield* planOf(model, video(golden("llava_onevision/media/clip.mkv"), { fps: 2 }), "What?")
        const [
          {
            plan: { pieces, rows }
          }
        ] = planned.media
        expect(pieces.at(-1)).toEqual({ rows: 1 })
        expect(pieces.slice(0, -1).every((piece) => piece.rows === 9)).toBe(true)
        expect(rows).toBe((pieces.length - 1) * 9 + 1)
      })
    ))
})

describe("LLaVA-UHD", () => {
  const tall = golden("llava_uhd/media/tall.png")

  it("slices come first, a comma behind each and a line break behind a row's last; the whole comes last, with none", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden("llava_uhd/checkpoint"))
        const { plan: planned } = yield* planOf(
          model,
          image(golden("llava_uhd/media/large.png"), { family: { scaleResolution: 56, maxSliceNums: 4 } }),
          "What?"
        )
        const [{ plan: picture }] = planned.media
        const [rows, columns] = picture.geometry?.slices ?? []
        expect(rows * columns).toBeGreaterThan(1)
        const segments = planned.layout.segments.filter((segment) => segment._tag !== "Text" || segment.tokens.length === 1)
        const marks = segments.flatMap((segment) => (segment._tag === "Text" ? Array.from(segment.tokens) : []))
        expect(marks.length).toBe(rows * columns)
        marks.forEach((mark, i) => expect(mark === 13).toBe((i + 1) % columns === 0))
        expect(picture.pieces.at(-1)).toEqual({ rows: 144 })
      })
    ))

  it("a picture is brought to 1024 pixels first, unless slices have another scale or the edge is told", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(golden("llava_uhd/checkpoint"))
        const of = (options: Readonly<Record<string, number>>) =>
          Effect.map(planOf(model, image(tall, { family: options }), "What?"), ({ plan: planned }) => planned.media[0].plan.geometry)
        // 50 x 150 pixels: at 56 a slice they are three slices as they are, and seven at the most when enlarged.
        expect((yield* of({ scaleResolution: 56 }))?.slices).toEqual([3, 1])
        expect(yield* of({})).toEqual(yield* of({ scaleResolution: 56, longestEdge: 1024 }))
        expect((yield* of({}))?.slices).not.toEqual([3, 1])
        expect((yield* of({ maxSliceNums: 1 }))?.slices).toEqual([0, 0])
        for (const option of ["scaleResolution", "maxSliceNums", "longestEdge"]) {
          for (const value of [0, -1, 1.5]) expect(yield* Effect.flip(of({ [option]: value }))).toMatchObject({ _tag: "OptionInvalid", option })
        }
      })
    ))
})

describe("an encoder in a second checkpoint", () => {
  it("gives its settings alone where the first one has its weights, and is asked for them where not", async () => {
    for (const [family, tag] of [
      ["mobilevlm/ldpnetv2", undefined],
      ["mobilevlm/ldpnet", "CheckpointUnreadable"]
    ] as const) {
      const checkpoint = changed(family, {})
      rmSync(join(checkpoint, "..", clip, "model.safetensors"))
      const outcome = await run(Effect.result(open(checkpoint)))
      if (tag === undefined) expect(outcome._tag).toBe("Success")
      else expect(outcome).toMatchObject({ _tag: "Failure", failure: { _tag: tag } })
    }
  })

  it("that is nowhere is refused with where it was looked for", async () => {
    const checkpoint = changed("mobilevlm/ldpnet", {})
    rmSync(join(checkpoint, "..", clip), { recursive: true })
    const failure = await run(Effect.flip(open(checkpoint)))
    expect(failure._tag).toBe("CheckpointUnreadable")
    for (const part of ["mm_vision_tower", join(checkpoint, "..", clip), join(checkpoint, clip)]) expect(failure.message).toContain(part)
  })

  it("makes another model when it changes: rows kept with the one are no rows of the other", async () => {
    const key = (checkpoint: string) =>
      run(
        Effect.gen(function* () {
          const { plan: planned } = yield* planOf(yield* open(checkpoint), image(golden("mobilevlm/ldpnetv2/media/small.png")), "What?")
          return planned.media[0].plan.key
        })
      )
    const brighter = changed("mobilevlm/ldpnetv2", { [`${clip}/preprocessor_config.json`]: set("image_mean", [0.4, 0.4, 0.4]) })
    expect(await key(brighter)).not.toBe(await key(golden("mobilevlm/ldpnetv2/checkpoint")))
  })
})
