import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { audio, embeddings, image, type KeptRows, load, media, type Model, video } from "../../src/index.ts"
import { saveRows } from "../../src/effect.ts"
import { goldenCheckpoint, goldenMedia, loadGolden, temporaryCache } from "./golden-model.ts"

const cache = temporaryCache()
const folder = mkdtempSync(join(tmpdir(), "sensorium-plain-face-"))
let model: Model
beforeAll(async () => {
  model = await loadGolden({ cacheDir: cache.cacheDir })
})
afterAll(async () => {
  await model.dispose()
  cache.remove()
  rmSync(folder, { recursive: true, force: true })
})

const picture = () => image(goldenMedia("a.png"))
const clip = () => video(goldenMedia("clip.mkv"), { minPixels: 3136, maxPixels: 9408 })

describe("one run, three ways to take it", () => {
  it("streams text, gives the whole, and tells events; taken again, it is replayed", async () => {
    const run = model.ask([picture(), "What is it?"], { maxTokens: 6 })
    let text = ""
    for await (const piece of run) text += piece
    const whole = await run
    expect(whole.text).toBe(text)
    expect(whole.usage.outputTokens).toBeLessThanOrEqual(6)
    const events = await Array.fromAsync(run.events())
    expect(events[0].type).toBe("plan")
    expect(events.at(-1)).toEqual({ type: "finish", finishReason: whole.finishReason, usage: whole.usage })
    expect(
      events
        .filter(({ type }) => type === "text-delta")
        .map((event) => (event.type === "text-delta" ? event.text : ""))
        .join("")
    ).toBe(text)
    expect(events.some((event) => event.type === "progress" && event.stage === "encode" && event.rows === event.totalRows)).toBe(true)
  })

  it("runs nothing before it is taken, and two takers share one run", async () => {
    const run = model.ask([image(join(folder, "nowhere.png")), "What?"])
    await new Promise((done) => setTimeout(done, 20))
    await expect(run).rejects.toMatchObject({ _tag: "SourceUnreadable" })
    const shared = model.ask("Hello", { maxTokens: 4 })
    const [a, b] = await Promise.all([shared, Array.fromAsync(shared)])
    expect(b.join("")).toBe(a.text)
  })

  it("rejects with the signal's reason, before and during the run", async () => {
    const reason = { mine: true }
    await expect(model.ask("Hello", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const run = model.ask("Hello", { maxTokens: 5000, signal: controller.signal })
    const pieces: Array<string> = []
    await expect(
      (async () => {
        for await (const piece of run) {
          pieces.push(piece)
          if (pieces.length === 3) controller.abort(reason)
        }
      })()
    ).rejects.toBe(reason)
    await expect(model.plan("Hello", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(load(goldenCheckpoint, { cacheDir: cache.cacheDir, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it("leaving the loop stops the run; what was seen is still there", async () => {
    const run = model.ask("Hello", { maxTokens: 5000 })
    let seen = ""
    for await (const piece of run) {
      seen = piece
      break
    }
    const again: Array<string> = []
    await expect(
      (async () => {
        for await (const piece of run) again.push(piece)
      })()
    ).rejects.toMatchObject({ name: "AbortError" })
    expect(again[0]).toBe(seen)
  })
})

describe("sampling", () => {
  it("the same seed gives the same answer, another one another", async () => {
    const sampled = (seed: number) => model.ask("Tell me something.", { maxTokens: 12, temperature: 1.5, seed }).then(({ text }) => text)
    const [a, b, c] = await Promise.all([sampled(1), sampled(1), sampled(2)])
    expect(a).toBe(b)
    expect(a).not.toBe(c)
  })

  it("stop strings end the answer before them", async () => {
    const { text } = await model.ask("Hello", { maxTokens: 12 })
    const stop = text.slice(4, 6)
    const stopped = await model.ask("Hello", { maxTokens: 12, stop: [stop] })
    expect(stopped).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finishReason: "stop" })
  })
})

describe("sources", () => {
  it("path, bytes, byte streams, data address and http address are one and the same", async () => {
    const bytes = readFileSync(goldenMedia("a.png"))
    const server = createServer((_, response) => response.end(bytes)).listen(0, "127.0.0.1")
    await new Promise((ready) => server.once("listening", ready))
    const { port } = server.address() as AddressInfo
    const own = await loadGolden({ cacheDir: cache.cacheDir, allowPrivateAddresses: true })
    try {
      const sources = [
        goldenMedia("a.png"),
        new URL(`file://${goldenMedia("a.png")}`),
        bytes,
        createReadStream(goldenMedia("a.png")),
        new Blob([bytes]).stream(),
        (async function* () {
          yield bytes.subarray(0, 100)
          yield bytes.subarray(100)
        })(),
        `data:image/png;base64,${bytes.toString("base64")}`,
        `http://127.0.0.1:${port}/a.png`
      ]
      const answers: Array<string> = []
      for (const source of sources) answers.push((await own.ask([image(source), "What is it?"], { maxTokens: 6 })).text)
      expect(new Set(answers).size).toBe(1)
      await expect(model.ask([image(`http://127.0.0.1:${port}/a.png`), "?"])).rejects.toMatchObject({ _tag: "AddressRefused" })
    } finally {
      await own.dispose()
      server.close()
    }
  })

  it("the content tells what a source is", async () => {
    const { media: found } = await model.plan([media(goldenMedia("a.png")), media(goldenMedia("a.wav")), media(goldenMedia("clip.mkv")), "?"])
    expect(found.map(({ modality }) => modality)).toEqual(["image", "audio", "video"])
  })
})

describe("plans", () => {
  it("say what a prompt costs without a weight running, a clip's sound inside its entry", async () => {
    const plan = await model.plan([clip(), picture(), "Who?"], { maxTokens: 10 })
    expect(plan.media.map(({ modality, tracks }) => [modality, tracks.map((track) => track.modality)])).toEqual([
      ["video", ["audio"]],
      ["image", []]
    ])
    expect(plan.rows.total).toBe(plan.rows.text + plan.rows.video + plan.rows.audio + plan.rows.image)
    expect(plan.media[0].frames[1]).toMatchObject({ atSeconds: expect.any(Number), grid: [expect.any(Number), expect.any(Number)] })
    expect(plan.cache.cells).toBeGreaterThanOrEqual(plan.rows.total + 10)
    expect(plan.fits).toBe(true)
    const { usage } = await model.ask([clip(), picture(), "Who?"], { maxTokens: 1 })
    expect(usage.inputTokens).toBe(plan.rows.total)
    const nodes = await model.graph([clip(), picture(), "Who?"])
    expect(nodes.filter(({ kind }) => kind === "producer").length).toBe(3)
    expect(nodes.at(-1)?.from).toEqual(["prefill"])
  })

  it("advise a frame rate that fits", async () => {
    const plan = await model.plan([video(goldenMedia("clip.mkv"), { fps: 8, minPixels: 2_000_000, maxPixels: 3_000_000, sound: false }), "?"], {
      maxTokens: 10_000
    })
    expect(plan.fits).toBe(false)
    expect(plan.advice).toMatch(/fps [\d.]+ fits in 32,768 rows/)
  })
})

describe("conversations", () => {
  it("keep their cells, and answer as the same turns asked at once", async () => {
    const chat = model.chat({ system: "Answer briefly." })
    const first = await chat.ask([clip(), "What is it?"], { maxTokens: 5 })
    expect(first.usage.cacheReadTokens).toBe(0)
    const past = chat.messages
    expect(past.map(({ role }) => role)).toEqual(["system", "user", "assistant"])
    const second = await chat.ask("And then?", { maxTokens: 5 })
    expect(second.usage.cacheReadTokens).toBeGreaterThan(first.usage.inputTokens / 2)
    const atOnce = await model.ask([...past, { role: "user", content: "And then?" }], { maxTokens: 5 })
    expect(second.text).toBe(atOnce.text)
    await chat.dispose()
  })

  it("a fork does not see its sibling, and a turn that was stopped leaves no trace", async () => {
    const chat = model.chat()
    await chat.ask([picture(), "What is it?"], { maxTokens: 3 })
    const fork = await chat.fork()
    const [left, right] = await Promise.all([chat.ask("Left?", { maxTokens: 5 }), fork.ask("Right?", { maxTokens: 5 })])
    const alone = await model.ask([...fork.messages.slice(0, 2), { role: "user", content: "Right?" }], { maxTokens: 5 })
    expect(right.text).toBe(alone.text)
    expect(chat.messages.length).toBe(4)
    expect(left.usage.cacheReadTokens).toBeGreaterThan(0)
    for await (const _ of chat.ask("Stopped", { maxTokens: 500 })) break
    expect(chat.messages.length).toBe(4)
    const next = await chat.ask("Next?", { maxTokens: 5 })
    const fresh = await model.ask([...chat.messages.slice(0, 4), { role: "user", content: "Next?" }], { maxTokens: 5 })
    expect(next.text).toBe(fresh.text)
    await Promise.all([chat.dispose(), fork.dispose()])
  })
})

describe("rows in a file", () => {
  it("give the media's own answer; a file of another encoder, or no such file, is refused", async () => {
    const path = join(folder, "rows.safetensors")
    const kept: ReadonlyArray<KeptRows> = await Array.fromAsync(model.encode([clip(), picture()]))
    await Effect.runPromise(saveRows(path, kept))
    expect((await model.ask([embeddings(path), "Who?"], { maxTokens: 6 })).text).toBe((await model.ask([clip(), picture(), "Who?"], { maxTokens: 6 })).text)
    const other = join(folder, "other.safetensors")
    await Effect.runPromise(
      saveRows(
        other,
        kept.map((rows) => ({ ...rows, plan: { ...rows.plan, producer: "another" } }))
      )
    )
    await expect(model.ask([embeddings(other), "Who?"])).rejects.toMatchObject({ _tag: "PlanMismatch", setting: "encoder" })
    await expect(model.ask([embeddings(join(goldenCheckpoint, "model.safetensors")), "Who?"])).rejects.toMatchObject({ _tag: "SourceUnreadable" })
  })

  it("audio alone is kept and heard again too", async () => {
    const kept = await Array.fromAsync(model.encode(audio(goldenMedia("a.wav"))))
    expect(kept.map(({ modality }) => modality)).toContain("audio")
    expect(await model.ask([embeddings(kept), "Who speaks?"], { maxTokens: 4 })).toEqual(
      await model.ask([audio(goldenMedia("a.wav")), "Who speaks?"], { maxTokens: 4 })
    )
  })
})
