import { readFileSync } from "node:fs"
import { Effect, Stream } from "effect"
import sharp from "sharp"
import { describe, expect, it } from "vitest"
import { openCheckpoint } from "../../../src/checkpoint/checkpoint.ts"
import { biasRows } from "../../../src/core/attention-inputs.ts"
import { rowTable } from "../../../src/core/prompt-layout.ts"
import { image, video } from "../../../src/face/media-values.ts"
import { blockOrder, halved, quotientPositions, steppedPositions, waves } from "../../../src/models/minicpmv/part-inputs.ts"
import { positionsTable, slicingTable } from "../../../src/models/minicpmv/tables.ts"
import type { PlannedPrompt } from "../../../src/session/ask.ts"
import { openTokenizerOf } from "../../../src/session/checkpoint-text.ts"
import { checkpoints, inPart, planOf } from "../changed-checkpoint.ts"

const early = checkpoints("minicpmv/2_6")
const late = checkpoints("minicpmv/4_6")

/** A prompt's text as it is tokenized, a dot for each row of a medium. */
const written = (folder: string, { plan }: PlannedPrompt) =>
  Effect.map(Effect.flatMap(openCheckpoint(folder), openTokenizerOf), (tokenizer) =>
    plan.layout.segments
      .map((segment) =>
        segment._tag === "Text" ? tokenizer.decode(segment.tokens, { skipControl: false }) : segment._tag === "Media" ? ".".repeat(segment.rows.count) : "?"
      )
      .join("")
  )

const blank = (width: number, height: number) =>
  Effect.promise(() =>
    sharp({ create: { width, height, channels: 3, background: "red" } })
      .png()
      .toBuffer()
  )

describe("inputs of parts", () => {
  it("2.6 positions follow the published table, 4.6 positions are quotients; neither is floor(i x 70 / n)", () => {
    const table: ReadonlyArray<ReadonlyArray<number>> = JSON.parse(readFileSync(early.file("positions.json"), "utf8"))
    expect(positionsTable(table)).toEqual([])
    const floor = (n: number) => Array.from({ length: n }, (_, i) => Math.floor((i * 70) / n))
    expect([25, 49, 50, 55].map((n) => steppedPositions(n, 70).join() === floor(n).join())).toEqual([false, false, false, false])
    expect(quotientPositions(7, 70)).toEqual([0, 10, 20, 30, 40, 50, 60])
    expect(positionsTable([[1]]).length).toBe(1)
    expect(positionsTable("none").length).toBe(1)
  })

  it("both slicing tables agree with the published slicers, exact ties included; a changed number is found", () => {
    for (const [family, unit] of [
      [early, 1],
      [late, 4]
    ] as const) {
      const table: ReadonlyArray<Readonly<Record<string, unknown>>> = JSON.parse(readFileSync(family.file("slicing.json"), "utf8"))
      expect(table.length).toBe(228)
      expect(slicingTable(unit, family === late)(table)).toEqual([])
      expect(slicingTable(unit, family === late)(table.map((row, i) => (i === 5 ? { ...row, rows: 8 } : row))).length).toBe(1)
      // Ties are broken differently, and the sides' unit differs: each table fails with the other's rule.
      expect(slicingTable(5 - unit, family === early)(table).length).toBeGreaterThan(0)
    }
  })

  it("blocks of 2 x 2 in reading order", () => {
    expect(blockOrder({ rows: 2, columns: 4 })).toEqual([0, 1, 4, 5, 2, 3, 6, 7])
    expect(blockOrder({ rows: 4, columns: 2 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(halved({ rows: 4, columns: 2 })).toEqual({ rows: 2, columns: 1 })
  })

  it("waves: sines first, then cosines", () => {
    expect(Array.from(waves(2, 4)).map((value) => Number(value.toFixed(6)))).toEqual([0, 0, 1, 1, 0.841471, 0.01, 0.540302, 0.99995])
  })
})

describe("layout", () => {
  it("2.6: parts joined by line breaks, a number, the overview, slices with a line break between rows and none in front", () =>
    early.run(
      Effect.gen(function* () {
        const model = yield* early.open(early.folder)
        const planned = yield* planOf(model, "First.", image(early.file("media", "large.png")), image(early.file("media", "small.png")), "What?")
        const rows = "........"
        const slice = `<slice>${rows}</slice>`
        expect(yield* written(early.folder, planned)).toBe(
          "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nFirst.\n" +
            `<image_id>0</image_id><image>${rows}</image>${slice}${slice}\n${slice}${slice}\n<image_id>1</image_id><image>${rows}</image>\nWhat?<|im_end|>\n<|im_start|>assistant\n`
        )
      })
    ))

  it("4.6: nothing between parts; four times the rows where the window merger is left out", () =>
    late.run(
      Effect.gen(function* () {
        const model = yield* late.open(late.folder)
        const picture = late.file("media", "small.png")
        const [full, four] = [
          yield* planOf(model, "First.", image(picture), "What?"),
          yield* planOf(model, image(picture, { family: { downsampleMode: "4x" } }))
        ]
        expect(yield* written(late.folder, full)).toBe(
          "<|im_start|>user\nFirst.<image_id>0</image_id><image>......</image>What?<|im_end|>\n<|im_start|>assistant\n"
        )
        expect(four.plan.media[0].plan.rows).toBe(4 * full.plan.media[0].plan.rows)
        // Sizes are multiples of four patches.
        expect(full.plan.media[0].plan.geometry?.sizes?.every((side) => side % 4 === 0)).toBe(true)
      })
    ))

  it("slices at the most are a picture's own option; wrong options are named", () =>
    late.run(
      Effect.gen(function* () {
        const model = yield* late.open(late.folder)
        const slices = (family: Record<string, number | string>) =>
          Effect.map(planOf(model, image(late.file("media", "large.png"), { family })), ({ plan }) => plan.media[0].plan.geometry?.slices)
        expect([yield* slices({}), yield* slices({ maxSliceNums: 2 }), yield* slices({ maxSliceNums: 1 }), yield* slices({ scaleResolution: 300 })]).toEqual([
          [2, 3],
          [1, 2],
          [0, 0],
          [0, 0]
        ])
        for (const [option, value] of [
          ["maxSliceNums", 0],
          ["downsampleMode", "2x"],
          ["scaleResolution", 1.5]
        ] as const) {
          expect(yield* Effect.flip(slices({ [option]: value }))).toMatchObject({ _tag: "OptionInvalid", option })
        }
        const other = yield* early.open(early.folder)
        expect(yield* Effect.flip(planOf(other, image(early.file("media", "small.png"), { family: { downsampleMode: "4x" } })))).toMatchObject({
          _tag: "OptionInvalid",
          option: "downsampleMode"
        })
      })
    ))

  it("2.6 refuses a first picture that is 1 or 3 pixels high, as the reference does, and a film", () =>
    early.run(
      Effect.gen(function* () {
        const model = yield* early.open(early.folder)
        for (const height of [1, 3]) {
          const flat = image(yield* blank(40, height))
          expect(yield* Effect.flip(planOf(model, flat, "What?"))).toMatchObject({ _tag: "LimitExceeded", needed: height })
          expect((yield* planOf(model, image(yield* blank(40, 30)), flat, "What?")).plan.media.length).toBe(2)
        }
        expect((yield* planOf(model, image(yield* blank(3, 2)), "What?")).plan.media.length).toBe(1)
        expect(yield* Effect.flip(planOf(model, video(late.file("..", "..", "idefics3/smolvlm/media/clip.mkv")), "What?"))).toMatchObject({
          _tag: "UnsupportedMedia",
          modality: "video"
        })
      })
    ))

  it("4.6: parts of other grids beside it do not change a part; the published tower, which packs them, mixes them up", () =>
    late.run(
      Effect.gen(function* () {
        const model = yield* late.open(late.folder)
        const rowsOf = (family: Record<string, number>) =>
          Effect.gen(function* () {
            const [{ encode, plan }] = (yield* planOf(model, image(late.file("media", "tall.png"), { family }))).plan.media
            const chunks = yield* Stream.runCollect(encode)
            return { plan, data: chunks.flatMap(({ data }) => Array.from(data)) }
          })
        const [alone, cut] = [yield* rowsOf({ maxSliceNums: 1 }), yield* rowsOf({})]
        // Overview first: [rows, columns] of patches of each part.
        const [first, second] = [cut.plan.geometry?.sizes?.slice(0, 2), cut.plan.geometry?.sizes?.slice(2, 4)]
        expect(first).not.toEqual(second)
        expect(alone.plan.geometry?.sizes).toEqual(first)
        expect(cut.data.slice(0, alone.data.length)).toEqual(alone.data)
      })
    ))

  it("4.6 takes clips, frame by frame, numbered for themselves", () =>
    late.run(
      Effect.gen(function* () {
        const model = yield* late.open(late.folder)
        const planned = yield* planOf(
          model,
          image(late.file("media", "small.png")),
          video(late.file("..", "..", "idefics3/smolvlm/media/clip.mkv"), { fps: 2 }),
          "What?"
        )
        const [, { encode, plan: clip }] = planned.plan.media
        expect(clip.pieces.length).toBe(6)
        expect(yield* written(late.folder, planned)).toContain(`</image><image_id>0</image_id>${`<image>${".".repeat(clip.rows / 6)}</image>`.repeat(6)}What?`)
        const chunks = yield* Stream.runCollect(encode)
        expect(chunks.reduce((sum, { rows }) => sum + rows, 0)).toBe(clip.rows)
      })
    ))

  it("2.6: a token of id 0 is seen like any other; the published chat() masks it, taking it for padding (no golden case may hold one)", () =>
    early.run(
      Effect.gen(function* () {
        const model = yield* early.open(early.folder)
        const { plan } = yield* planOf(model, "Stop! Now!")
        const table = rowTable(plan.layout)
        const at = Array.from(table.item).flatMap((token, row) => (token === 0 ? [row] : []))
        expect(at.length).toBe(2)
        const last = Array.from(biasRows(table, table.rows - 1, table.rows, table.rows))
        expect(at.map((row) => last[row])).toEqual([0, 0])
        expect(last).toEqual(Array.from({ length: table.rows }, () => 0))
        // Nor does it lose its place: one position a row.
        expect(Array.from(model.family.positions.assign(plan.layout, 0).ids)).toEqual(Array.from({ length: table.rows }, (_, row) => row))
      })
    ))

  it("a placeholder written in a question is ordinary text", async () => {
    for (const family of [early, late]) {
      await family.run(
        Effect.gen(function* () {
          const { plan } = yield* planOf(yield* family.open(family.folder), "What is (<image>./</image>) or <|image_pad|>?")
          expect([plan.media.length, plan.layout.segments.map(({ _tag }) => _tag)]).toEqual([0, ["Text"]])
        })
      )
    }
  })
})

describe("checkpoint", () => {
  it("refuses what would be run wrongly, and names the field", async () => {
    for (const [family, folder, field] of [
      [early, early.changeJson("config.json", (config) => ({ ...config, version: 2.5 })), "version"],
      [early, early.changeJson("config.json", (config) => ({ ...config, hidden_size: 200 })), "hidden_size"],
      [early, early.changeJson("preprocessor_config.json", (settings) => ({ ...settings, patch_size: 16 })), "patch_size"],
      [early, early.changeJson("preprocessor_config.json", (settings) => ({ ...settings, image_feature_size: 64 })), "image_feature_size"],
      [early, early.changeJson("preprocessor_config.json", (settings) => ({ ...settings, slice_mode: false })), "slice_mode"],
      [early, early.changeJson("preprocessor_config.json", (settings) => ({ ...settings, slice_start: "<part>" })), "<part>"],
      [late, late.changeJson("config.json", inPart("text_config", { model_type: "qwen3_5_text" })), "qwen3_5_text"],
      [late, late.changeJson("config.json", (config) => ({ ...config, insert_layer_id: 3 })), "insert_layer_id"],
      [late, late.changeJson("config.json", (config) => ({ ...config, merge_kernel_size: [2, 1] })), "merge_kernel_size"]
    ] as const) {
      const failure = await family.run(Effect.flip(family.open(folder)))
      expect(failure._tag).toBe("CheckpointUnreadable")
      expect(failure.message).toContain(field)
    }
  })

  it("tensors that are missing are named; the encoder's last layer may be there when it is dropped", async () => {
    expect(await early.run(Effect.flip(early.open(await early.changeTensors((tensors) => tensors.delete("resampler.query")))))).toMatchObject({
      _tag: "WeightsMismatch",
      tensor: "resampler.query",
      found: "missing"
    })
    const name = "model.vision_tower.vit_merger.linear_1.weight"
    expect(await late.run(Effect.flip(late.open(await late.changeTensors((tensors) => tensors.delete(name)))))).toMatchObject({
      _tag: "WeightsMismatch",
      tensor: name
    })
    const dropped = early.changeJson("config.json", (config) => ({ ...config, drop_vision_last_layer: true }))
    expect((await early.run(early.open(dropped, true))).modelType).toBe("minicpmv")
  })

  it("merged twice, a part whose sides cannot be halved so often is refused at plan time", async () => {
    const folder = await late.changeTensors(
      (tensors) => {
        for (const [name, tensor] of Array.from(tensors)) {
          if (!name.startsWith("model.merger.mlp.0.")) continue
          tensors.set(name.replace("mlp.0", "mlp.1"), tensor)
          // The first round goes to the encoder's own width.
          if (name.endsWith("linear_2.weight")) tensors.set(name, { dtype: "float32", shape: [32, 128], data: new Float32Array(32 * 128) })
          if (name.endsWith("linear_2.bias")) tensors.set(name, { dtype: "float32", shape: [32], data: new Float32Array(32) })
        }
      },
      (config) => ({ ...config, merger_times: 2 })
    )
    await late.run(
      Effect.gen(function* () {
        const model = yield* late.open(folder)
        expect(yield* Effect.flip(planOf(model, image(late.file("media", "small.png"))))).toMatchObject({
          _tag: "LimitExceeded",
          limit: "patches along a side"
        })
      })
    )
  })
})
