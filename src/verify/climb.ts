import { join } from "node:path"
import { Effect, type Scope, Stream } from "effect"
import type { Backend } from "../backend/backend.ts"
import { openSafetensors } from "../checkpoint/safetensors-file.ts"
import { type AskError, type CheckpointUnreadable, OptionInvalid, type WeightsMismatch } from "../core/errors.ts"
import type { FeatureBlock, MediaPlan, PlannedMedia } from "../core/media-plan.ts"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import { rowTable } from "../core/prompt-layout.ts"
import type { MediaOpener } from "../core/source.ts"
import { answer, emptyCells, plan as planPrompt, type SessionSettings } from "../session/ask.ts"
import type { LoadedModel } from "../session/model.ts"
import { type ChatMessage, type ContentPart, openPrompt } from "../session/open-prompt.ts"
import { int64, type Tensor } from "../tensor/tensor.ts"
import { audio, image, media, video } from "../face/media-values.ts"
import { close, decidedSteps, exact, failed, type Finding, logits as compareLogits, pictureFeatures, soundFeatures } from "./compare.ts"
import type { GoldenCase } from "./golden-case.ts"

/** Everything that one case's climb found, rung by rung. */
export interface CaseReport {
  readonly name: string
  readonly findings: ReadonlyArray<Finding>
}

/** A case's options as the media's and the answer's own. */
interface CaseOptions {
  readonly maxTokens: number
  readonly image: Readonly<Record<string, unknown>>
  readonly video: Readonly<Record<string, unknown>>
  readonly audio: Readonly<Record<string, unknown>>
}

const invalid = (option: string, why: string) => new OptionInvalid({ stage: "plan", option, message: `option ${option}: ${why}` })

const pair = (option: string, value: unknown): Effect.Effect<{ readonly minPixels: number; readonly maxPixels: number }, OptionInvalid> =>
  Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number")
    ? Effect.succeed({ minPixels: value[0], maxPixels: value[1] })
    : Effect.fail(invalid(option, "must be [least, most]"))

/** Reads a case's options; a name that neither the format nor the family knows is an error, never skipped. */
const readOptions = (given: Readonly<Record<string, unknown>>, known: ReadonlyArray<string>): Effect.Effect<CaseOptions, OptionInvalid> =>
  Effect.gen(function* () {
    let maxTokens: number | undefined
    const [image, video, audio]: [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>] = [{}, {}, { longAudio: "cut" }]
    for (const [name, value] of Object.entries(given)) {
      if (name === "maxNewTokens" && typeof value === "number") maxTokens = value
      else if (name === "fps" && typeof value === "number") video.fps = value
      else if (name === "useAudioInVideo" && typeof value === "boolean") video.sound = value
      else if (name === "imagePixels") Object.assign(image, yield* pair(name, value))
      else if (name === "videoPixels") Object.assign(video, yield* pair(name, value))
      else if (name === "alpha" && value === "dropped") image.alpha = value
      else if (name === "exif" && value === "ignored") image.exif = false
      else if (known.includes(name)) {
        const option = Array.isArray(value) ? value.join(",") : value
        image[name] = option
        video[name] = option
      } else return yield* invalid(name, `unknown, or not a value of it (${JSON.stringify(value)})`)
    }
    if (maxTokens === undefined) return yield* invalid("maxNewTokens", "missing")
    video.longAudio = "cut"
    return { maxTokens, image, video, audio }
  })

const contentOf = (golden: GoldenCase, options: CaseOptions): ReadonlyArray<ChatMessage> =>
  golden.asked.messages.map(({ content, role }) => ({
    role,
    content:
      typeof content === "string"
        ? content
        : content.map((part): ContentPart => {
            if ("text" in part) return part.text
            const path = join(golden.folder, "media", part.path)
            switch (part.type) {
              case "image":
                return image(path, options.image)
              case "video":
                return video(path, options.video)
              case "audio":
                return audio(path, options.audio)
              default:
                return media(path)
            }
          })
  }))

/** Blocks of features as one: rows on end, or mel frames side by side. */
const joinBlocks = (blocks: ReadonlyArray<FeatureBlock>, frames: boolean): FeatureBlock => {
  if (!frames) {
    const [, ...rest] = blocks[0]?.shape ?? [0]
    const data = new Float32Array(blocks.reduce((sum, block) => sum + block.data.length, 0))
    blocks.reduce((at, block) => {
      data.set(block.data, at)
      return at + block.data.length
    }, 0)
    return { shape: [blocks.reduce((sum, { shape }) => sum + shape[0], 0), ...rest], data }
  }
  const bins = blocks[0]?.shape[0] ?? 0
  const width = blocks.reduce((sum, { shape }) => sum + shape[1], 0)
  const data = new Float32Array(bins * width)
  let from = 0
  for (const block of blocks) {
    const count = block.shape[1]
    for (let bin = 0; bin < bins; bin++) data.set(block.data.subarray(bin * count, (bin + 1) * count), bin * width + from)
    from += count
  }
  return { shape: [bins, width], data }
}

/** Rows of a medium, those of its empty slots left out. */
const joinRows = (chunks: ReadonlyArray<EmbeddingChunk>, { pieces, width }: MediaPlan, level?: number) => {
  const data = new Float32Array(chunks.reduce((sum, { rows }) => sum + rows, 0) * width)
  let at = 0
  for (const chunk of chunks) {
    const source = level === undefined ? chunk.data : chunk.levels[level]
    data.set(source, at)
    at += source.length
  }
  let [from, kept] = [0, 0]
  for (const { empty, rows } of pieces) {
    const stretch = data.subarray(from * width, (from + rows) * width)
    if (empty !== true) {
      data.set(stretch, kept)
      kept += stretch.length
    }
    from += rows
  }
  const all = pieces.some(({ empty }) => empty === true) ? data.subarray(0, kept) : data
  return { shape: [all.length / width, width], data: all }
}

/** Numbers of a case's safetensors, each to be looked at once; what nobody looked at is found at the end. */
type Reference = Map<string, Tensor>

const isSound = (key: string) => key.endsWith(".audio")

/** Features and embeddings of one medium. */
const climbMedia = (
  key: string,
  planned: PlannedMedia,
  take: (name: string) => Tensor | undefined,
  level: number
): Effect.Effect<ReadonlyArray<Finding>, AskError> =>
  Effect.gen(function* () {
    const findings: Array<Finding> = []
    const { plan, stages } = planned
    for (const [name, own] of Object.entries(plan.geometry ?? {})) {
      const reference = take(`${key}.${name}`)
      findings.push(
        reference === undefined
          ? failed("features", `${key}.${name}`, "missing")
          : exact("features", `${key}.${name}`, own, name === "sizes" ? [own.length / 2, 2] : [own.length], reference)
      )
    }
    const features = take(`${key}.features`)
    const embeddings = take(`${key}.embeddings`)
    const deepstack = Array.from({ length: plan.levels }, (_, k) => take(`${key}.deepstack.${k}`))
    const encoded = (what: string, chunks: ReadonlyArray<EmbeddingChunk>) => {
      const own = joinRows(chunks, plan)
      findings.push(
        embeddings === undefined
          ? failed("embeddings", `${key}.embeddings`, "missing")
          : close("embeddings", `${key}.embeddings ${what}`, own.data, own.shape, embeddings, 1e-3)
      )
      deepstack.forEach((reference, k) => {
        const rows = joinRows(chunks, plan, k)
        findings.push(
          reference === undefined
            ? failed("embeddings", `${key}.deepstack.${k}`, "missing")
            : close("embeddings", `${key}.deepstack.${k} ${what}`, rows.data, rows.shape, reference, 1e-3)
        )
      })
    }
    if (stages === undefined) findings.push(failed("features", `${key}.features`, "the producer does not show its features"))
    else if (features === undefined || features.dtype !== "float32")
      findings.push(failed("features", `${key}.features`, features === undefined ? "missing" : `is ${features.dtype}`))
    else {
      const blocks = yield* Stream.runCollect(stages.features)
      const beyond = blocks.filter((block) => block.beyond === true)
      const own = joinBlocks(
        blocks.filter((block) => block.beyond !== true),
        isSound(key) && features.shape[1] !== blocks[0]?.shape[1]
      )
      const compared = features.shape.length === 1 ? { shape: [own.data.length], data: own.data } : own
      findings.push(
        isSound(key)
          ? soundFeatures(`${key}.features`, compared.data, compared.shape, features)
          : pictureFeatures(`${key}.features`, compared.data, compared.shape, features, level)
      )
      const same = own.data.length === features.data.length
      if (same)
        encoded("of the reference's features", yield* Stream.runCollect(stages.fromFeatures(Stream.make({ shape: own.shape, data: features.data }, ...beyond))))
    }
    encoded("of our own", yield* Stream.runCollect(planned.encode))
    return findings
  })

/** Tokens, exact up to the first step where the reference's two best are closer than the logits' bound. */
const compareTokens = (own: ReadonlyArray<number>, reference: Tensor | undefined, logits: Tensor | undefined): Finding => {
  if (reference === undefined || reference.dtype !== "int64") return failed("tokens", "tokens", "missing, or not int64")
  const wanted = Array.from(reference.data, Number)
  const decided =
    logits?.dtype === "float32"
      ? decidedSteps(logits.data, logits.shape[1] ?? 1, 2e-3 * logits.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
      : wanted.length
  if (decided >= wanted.length) return exact("tokens", "tokens", own, [own.length], reference)
  const first = (tokens: ReadonlyArray<number>) => tokens.slice(0, decided)
  return exact("tokens", `tokens, the first ${decided} of ${wanted.length}`, first(own), [first(own).length], int64([decided], first(wanted)))
}

/** Climbs all rungs of one case with the same planner, producers, prefill and decode that `ask` runs. */
export const climbCase = (
  model: LoadedModel,
  golden: GoldenCase,
  settings: SessionSettings
): Effect.Effect<CaseReport, AskError | CheckpointUnreadable | WeightsMismatch, Backend | MediaOpener | Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* openSafetensors(join(golden.folder, "cases", `${golden.name}.safetensors`))
    const reference: Reference = new Map()
    for (const name of file.tensors.keys()) reference.set(name, yield* file.read(name))
    const take = (name: string) => {
      const tensor = reference.get(name)
      reference.delete(name)
      return tensor
    }
    const findings: Array<Finding> = []
    const options = yield* Effect.result(readOptions(golden.asked.options, model.reference.options))
    if (options._tag === "Failure") return { name: golden.name, findings: [failed("features", options.failure.option, options.failure.message)] }
    const { maxTokens } = options.success
    const prompt = yield* openPrompt(contentOf(golden, options.success))
    const { plan, positions } = yield* planPrompt(model, prompt, { maxTokens })
    for (const planned of plan.media)
      findings.push(...(yield* climbMedia(`media.${planned.plan.part}.${planned.plan.modality}`, planned, take, model.reference.pictureLevel)))

    const table = rowTable(plan.layout)
    const ids = Int32Array.from({ length: table.rows }, (_, row) =>
      table.media[row] === -1 ? table.item[row] : model.reference.placeholder(plan.media[table.media[row]].plan)
    )
    const wanted = { ids: take("input_ids"), positions: take("position_ids"), logits: take("logits"), tokens: take("tokens") }
    findings.push(wanted.ids === undefined ? failed("layout", "input_ids", "missing") : exact("layout", "input_ids", ids, [ids.length], wanted.ids))
    if (model.reference.hasPositions) {
      findings.push(
        wanted.positions === undefined
          ? failed("positions", "position_ids", "missing")
          : exact("positions", "position_ids", positions.ids, [positions.axes, table.rows], wanted.positions)
      )
    } else if (wanted.positions !== undefined) findings.push(failed("positions", "position_ids", "unknown: this family has one position a row"))

    const {
      decoder: {
        shape: { vocabulary }
      }
    } = model
    const rows: Array<Float32Array> = []
    const tokens: Array<number> = []
    const held = yield* emptyCells(model)
    // Makers may write another generation_config.json than they ran with: a token that the reference itself went on after ends no answer here.
    const passed = new Set(wanted.tokens?.dtype === "int64" ? Array.from(wanted.tokens.data.subarray(0, -1), Number) : [])
    const stopTokens = new Set([...model.stopTokens].filter((token) => !passed.has(token)))
    yield* Stream.runDrain(
      answer(
        { ...model, stopTokens },
        prompt,
        {
          maxTokens,
          temperature: 0,
          repeatPenalty: 1,
          onLogits: (row, token) => {
            rows.push(row.slice())
            tokens.push(token)
          }
        },
        held,
        settings
      )
    )
    const own = new Float32Array(rows.length * vocabulary)
    rows.forEach((row, step) => own.set(row, step * vocabulary))
    if (wanted.logits === undefined || wanted.logits.dtype !== "float32") findings.push(failed("logits", "logits", "missing, or not float32"))
    else findings.push(...compareLogits(own, wanted.logits))
    findings.push(compareTokens(tokens, wanted.tokens, wanted.logits))
    for (const name of reference.keys()) findings.push(failed("features", name, "unknown: nothing here makes it"))
    return { name: golden.name, findings }
  })
