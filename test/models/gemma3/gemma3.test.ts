import { Effect } from "effect"
import sharp from "sharp"
import { describe, expect, it } from "vitest"
import { biasRows, HIDDEN } from "../../../src/core/attention-inputs.ts"
import { rowTable } from "../../../src/core/prompt-layout.ts"
import { image, video } from "../../../src/face/media-values.ts"
import { parseConfig } from "../../../src/models/gemma3/config.ts"
import { checkpoints, inPart, planOf } from "../changed-checkpoint.ts"

const { changeJson, changeTensors, file, folder, open, run } = checkpoints("gemma3")
const picture = file("media", "a.png")
/** As the published checkpoints say it: what is not said here is left to the defaults. */
const parse = (config: Readonly<Record<string, unknown>>) =>
  Effect.runPromise(
    parseConfig(
      {
        vision_config: { hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 27, num_attention_heads: 16, image_size: 896, patch_size: 14 },
        ...config
      },
      "config.json"
    )
  )

describe("configuration", () => {
  it("linear scaling is for full layers alone; bases default to a million and ten thousand, every sixth layer is full", async () => {
    const { attention, tied, text } = await parse({ text_config: { rope_scaling: { factor: 8, rope_type: "linear" } } })
    expect(attention.full).toEqual({ theta: 1e6, factor: 8 })
    expect(attention.sliding).toEqual({ theta: 1e4, window: 4096 })
    expect(attention.isFull.flatMap((full, i) => (full ? [i] : []))).toEqual([5, 11, 17, 23])
    expect([tied, text.query_pre_attn_scalar, text.vocab_size]).toEqual([true, 256, 262208])
  })

  it("reads what transformers 5 writes: layer types, and a rotary for each", async () => {
    const { attention } = await parse({
      text_config: {
        num_hidden_layers: 2,
        layer_types: ["full_attention", "sliding_attention"],
        rope_parameters: { full_attention: { rope_type: "linear", factor: 4, rope_theta: 5e5 }, sliding_attention: { rope_type: "default", rope_theta: 2e4 } }
      }
    })
    expect(attention).toEqual({ full: { theta: 5e5, factor: 4 }, sliding: { theta: 2e4, window: 4096 }, isFull: [true, false] })
  })

  it("refuses what would be run wrongly, and names the field", async () => {
    for (const [change, field] of [
      [{ rope_scaling: { rope_type: "yarn", factor: 2 } }, "rope_scaling"],
      [{ final_logit_softcapping: 30 }, "final_logit_softcapping"],
      [{ use_bidirectional_attention: true }, "use_bidirectional_attention"],
      [{ layer_types: ["full_attention"] }, "layer_types"],
      [{ num_attention_heads: 3 }, "num_attention_heads"],
      [{ hidden_size: "wide" }, "hidden_size"]
    ] as const) {
      const failure = await run(Effect.flip(open(changeJson("config.json", inPart("text_config", change)))))
      expect(failure._tag).toBe("CheckpointUnreadable")
      expect(failure.message).toContain(field)
    }
    for (const [field, value] of [
      ["mm_tokens_per_image", 400],
      ["image_token_index", "soft"]
    ] as const) {
      const failure = await run(Effect.flip(open(changeJson("config.json", (config) => ({ ...config, [field]: value })))))
      expect(failure.message).toContain(field)
    }
  })
})

describe("decoder's inputs", () => {
  it("text is multiplied by the square root of the width", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const silent = yield* open(
          yield* Effect.promise(() =>
            changeTensors((tensors) => {
              const name = "language_model.model.embed_tokens.weight"
              const table = tensors.get(name)
              if (table?.dtype === "float32") tensors.set(name, { ...table, data: table.data.map(() => 1) })
            })
          )
        )
        expect(model.decoder.shape.width).toBe(64)
        expect(new Set(yield* silent.decoder.embed(Int32Array.of(3, 9)))).toEqual(new Set([8]))
      })
    ))

  it("a picture's rows see each other both ways, in sliding layers too: the window limits the past alone", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const { plan } = yield* planOf(model, image(picture), "What is in the picture?")
        const table = rowTable(plan.layout)
        const first = table.media.indexOf(0)
        const [full, sliding] = model.family.attention
        expect([full.window, sliding.window]).toEqual([undefined, 16])
        const seen = (row: number, window?: number) =>
          Array.from(biasRows(table, row, row + 1, table.rows, window)).flatMap((bias, cell) => (bias === HIDDEN ? [] : [cell]))
        const rows = 16
        const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
        expect(seen(first, undefined)).toEqual(span(0, first + rows))
        expect(seen(first, sliding.window)).toEqual(span(Math.max(0, first - 15), first + rows))
        expect(seen(first + rows - 1, 4)).toEqual(span(first + rows - 4, first + rows))
        expect(seen(first + rows, undefined)).toEqual(span(0, first + rows + 1))
      })
    ))

  it("full layers turn slower by the factor, sliding ones do not", () =>
    run(
      Effect.gen(function* () {
        const {
          family: {
            attention: [full, sliding]
          }
        } = yield* open(folder)
        expect([full.rotary(100).frequencies[0], sliding.rotary(100).frequencies[0]]).toEqual([1 / 8, 1])
        expect(full.rotary(100).id).not.toBe(sliding.rotary(100).id)
      })
    ))
})

describe("layout", () => {
  it("the template alone writes <bos>, and a picture stands between line breaks", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const { plan } = yield* planOf(model, image(picture), "What?")
        const tokens = plan.layout.segments.flatMap((segment) => (segment._tag === "Text" ? Array.from(segment.tokens) : []))
        expect(tokens.filter((id) => id === 513)).toEqual([513])
        expect(tokens[0]).toBe(513)
        expect(plan.layout.segments.map(({ _tag }) => _tag)).toEqual(["Text", "Media", "Text"])
      })
    ))

  it("crops are asked for, counted half up, and each stands in a segment of its own", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const wide = file("media", "large.png")
        const segments = (options: Record<string, boolean | number>) =>
          Effect.map(planOf(model, image(wide, { family: options }), "What?"), ({ plan }) => plan.layout.segments.filter(({ _tag }) => _tag === "Media").length)
        expect(yield* segments({})).toBe(1)
        expect(yield* segments({ doPanAndScan: true })).toBe(1)
        // 420 x 130: 3.23 crops are 3; at most 2 are 2; a least size of 211 leaves none.
        expect(yield* segments({ doPanAndScan: true, panAndScanMinCropSize: 48 })).toBe(4)
        expect(yield* segments({ doPanAndScan: true, panAndScanMinCropSize: 48, panAndScanMaxNumCrops: 2 })).toBe(3)
        expect(yield* segments({ doPanAndScan: true, panAndScanMinCropSize: 131 })).toBe(1)
        for (const [option, value] of [
          ["doPanAndScan", "yes"],
          ["panAndScanMaxNumCrops", 0],
          ["panAndScanMinCropSize", -1],
          ["panAndScanMinRatioToActivate", "wide"]
        ] as const) {
          expect(yield* Effect.flip(planOf(model, image(wide, { family: { [option]: value } }), "What?"))).toMatchObject({ _tag: "OptionInvalid", option })
        }
      })
    ))

  it("the checkpoint's own do_pan_and_scan changes nothing: the processor's default goes before it (Gemma3ProcessorKwargs)", () =>
    run(
      Effect.gen(function* () {
        // Four crops at the default settings: 1,200 x 300 pixels, none smaller than 256.
        const long = yield* Effect.promise(() =>
          sharp({ create: { width: 1200, height: 300, channels: 3, background: "red" } })
            .png()
            .toBuffer()
        )
        const eager = { do_pan_and_scan: true, pan_and_scan_min_crop_size: 48, pan_and_scan_max_num_crops: 2, pan_and_scan_min_ratio_to_activate: 1.2 }
        for (const checkpoint of [folder, changeJson("processor_config.json", inPart("image_processor", eager))]) {
          const model = yield* open(checkpoint)
          const pieces = (family: Record<string, boolean>) =>
            Effect.map(planOf(model, image(long, { family }), "What?"), ({ plan }) => plan.media[0].plan.pieces.length)
          expect([yield* pieces({}), yield* pieces({ doPanAndScan: true })]).toEqual([1, 5])
        }
      })
    ))

  it("a marker written in a question is ordinary text", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const { plan } = yield* planOf(model, image(picture), "What is <start_of_image> or <image_soft_token>?")
        expect(plan.media.length).toBe(1)
        expect(plan.layout.segments.filter(({ _tag }) => _tag === "Media").length).toBe(1)
      })
    ))

  it("a film is refused: the model takes pictures", () =>
    run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const failure = yield* Effect.flip(planOf(model, video(file("..", "idefics3/smolvlm/media/clip.mkv")), "What?"))
        expect(failure).toMatchObject({ _tag: "UnsupportedMedia", modality: "video" })
        expect(failure.message).toContain("this model does not take video; it takes text, image")
      })
    ))
})

describe("checkpoint", () => {
  it("a tensor that is missing, has another shape, or that nothing reads is named", async () => {
    const name = "multi_modal_projector.mm_input_projection_weight"
    expect(await run(Effect.flip(open(await changeTensors((tensors) => tensors.delete(name)))))).toMatchObject({
      _tag: "WeightsMismatch",
      tensor: name,
      found: "missing"
    })
    // The projection is used as it is stored: [inputs, outputs].
    const turned = await changeTensors((tensors) => tensors.set(name, { dtype: "float32", shape: [64, 32], data: new Float32Array(2048) }))
    expect(await run(Effect.flip(open(turned)))).toMatchObject({ _tag: "WeightsMismatch", tensor: name, found: "[64, 32]", expected: "[32, 64]" })
    const more = await changeTensors((tensors) => tensors.set("vision_tower.head", { dtype: "float32", shape: [1], data: new Float32Array(1) }))
    expect(await run(Effect.flip(open(more, true)))).toMatchObject({ _tag: "WeightsMismatch", tensor: "vision_tower.head" })
    expect((await run(open(more))).modelType).toBe("gemma3")
  })

  it("a checkpoint under transformers 5's own names is the same model", async () => {
    const renamed = await changeTensors((tensors) => {
      for (const [name, tensor] of Array.from(tensors)) {
        tensors.delete(name)
        tensors.set(name.startsWith("language_model.model.") ? `model.language_model.${name.slice(21)}` : `model.${name}`, tensor)
      }
    })
    await run(
      Effect.gen(function* () {
        const [a, b] = [yield* open(folder), yield* open(renamed, true)]
        expect(yield* b.decoder.embed(Int32Array.of(1, 2))).toEqual(yield* a.decoder.embed(Int32Array.of(1, 2)))
      })
    )
  })
})
