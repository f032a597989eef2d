/**
 * One process, one measurement, one line of JSON: loads a model, asks it, and says how long what took. `node ask-probe.ts '{"model":..,"cacheDir":..}'`.
 */
import { audio, image, load, type ContentPart, type Model, video, type VideoOptions } from "../../src/index.ts"
import { watchEventLoop } from "./event-loop-watch.ts"

/** What is measured. */
export interface Probe {
  readonly model: string
  readonly cacheDir: string
  readonly what: "load" | "ask" | "cancel"
  readonly clip?: string
  readonly video?: VideoOptions
  readonly picture?: string
  readonly recording?: string
  readonly text?: string
  readonly maxTokens: number
  /** Cancelled asks of a `cancel` probe. */
  readonly cancels?: number
}

/** What a probe says. Milliseconds, bytes. */
export type Measured = Readonly<Record<string, number>>

const contentOf = ({ clip, picture, recording, text = "What is seen and heard?", video: options = {} }: Probe): ReadonlyArray<ContentPart> => [
  ...(picture === undefined ? [] : [image(picture)]),
  ...(recording === undefined ? [] : [audio(recording)]),
  ...(clip === undefined ? [] : [video(clip, options)]),
  text
]

const measureAsk = async (model: Model, probe: Probe): Promise<Measured> => {
  const started = performance.now()
  const watch = watchEventLoop()
  let [first, tokens, rows] = [0, 0, 0]
  for await (const event of model.ask(contentOf(probe), { maxTokens: probe.maxTokens, temperature: 0.7, topP: 0.9, topK: 50, seed: 1 }).events()) {
    if (event.type === "text-delta" && first === 0) first = performance.now()
    if (event.type === "finish") ({ inputTokens: rows, outputTokens: tokens } = event.usage)
  }
  const ended = performance.now()
  const loop = watch.stop()
  return { rows, firstTokenMs: first - started, tokensPerSecond: tokens > 1 ? (1000 * (tokens - 1)) / (ended - first) : 0, ...loop }
}

const measureCancel = async (model: Model, probe: Probe): Promise<Measured> => {
  const count = probe.cancels ?? 100
  const whole = performance.now()
  await model.ask(contentOf(probe), { maxTokens: probe.maxTokens })
  const took = performance.now() - whole
  const waits: Array<number> = []
  for (let i = 0; i < count; i++) {
    const controller = new AbortController()
    let aborted = 0
    const timer = setTimeout(
      () => {
        aborted = performance.now()
        controller.abort(new Error("stop"))
      },
      (took * 0.9 * i) / count
    )
    await model.ask(contentOf(probe), { maxTokens: probe.maxTokens, signal: controller.signal }).then(
      () => {},
      () => waits.push(performance.now() - aborted)
    )
    clearTimeout(timer)
  }
  waits.sort((a, b) => a - b)
  return {
    cancelled: waits.length,
    medianMs: waits[Math.floor(waits.length / 2)] ?? 0,
    percentile99Ms: waits[Math.min(waits.length - 1, Math.floor(waits.length * 0.99))] ?? 0
  }
}

const probe: Probe = JSON.parse(process.argv[2])
const before = performance.now()
const loading = watchEventLoop()
const model = await load(probe.model, { cacheDir: probe.cacheDir, encoderCacheBytes: probe.what === "cancel" ? 0 : 256 * 2 ** 20 })
const loadMs = performance.now() - before
const { longestTaskMs: loadTaskMs } = loading.stop()
const measured = probe.what === "load" ? {} : probe.what === "ask" ? await measureAsk(model, probe) : await measureCancel(model, probe)
await model.dispose()
process.stdout.write(`${JSON.stringify({ loadMs, loadTaskMs, ...measured, peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`)
