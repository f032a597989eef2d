import { execFileSync } from "node:child_process"
import { readdirSync, readlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { liveHandles } from "../../src/backend/live-handles.ts"
import { audio, image, type Model, video } from "../../src/index.ts"
import { goldenMedia, loadGolden, temporaryCache } from "./golden-model.ts"

/** Children of this process that are alive, or dead and not waited for. */
const children = () =>
  execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(process.pid)], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith(" ps"))

/** Open files, pipes and sockets; those that the runtime itself opens (epoll, eventfd) do not change. */
const openFiles = () =>
  readdirSync("/proc/self/fd")
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return []
      }
    })
    .filter((target) => !target.startsWith("/proc/"))
    .map((target) => target.replace(/\[\d+\]/, ""))
    .sort()

const temporaries = () => readdirSync(tmpdir()).filter((name) => name.startsWith("sensorium-source-"))

const settled = () => new Promise((done) => setTimeout(done, 20))

describe.runIf(process.platform === "linux")("interrupting at any stage frees everything", () => {
  const cache = temporaryCache()
  let model: Model
  beforeAll(async () => {
    model = await loadGolden({ cacheDir: cache.cacheDir, encoderCacheBytes: 0, prefill: { maxRows: 32 } })
  })
  afterAll(async () => {
    await model.dispose()
    cache.remove()
  })

  const question = () => [
    image(goldenMedia("a.png")),
    audio(goldenMedia("a.wav")),
    video(goldenMedia("clip.mkv"), { fps: 8, minPixels: 3136, maxPixels: 9408 }),
    "What is seen and heard?"
  ]
  const asked = () => model.ask(question(), { maxTokens: 8, temperature: 1, seed: 7 })
  const count = () => ({ children: children(), handles: liveHandles(), files: openFiles(), temporaries: temporaries() })

  it("leaves no process, native handle, open file or temporary after 100 interrupted asks", async () => {
    await asked()
    const whole = Date.now()
    const events: Array<string> = []
    for await (const event of asked().events()) events.push(event.type)
    const took = 0.8 * (Date.now() - whole)
    await settled()
    const before = count()
    expect(before.children).toEqual([])
    let interrupted = 0
    for (let i = 0; i < 100; i++) {
      if (i % 2 === 0) {
        // By time: anywhere between the first byte and the last token.
        const controller = new AbortController()
        const timer = setTimeout(() => controller.abort(new Error(`stop ${i}`)), (took * i) / 100)
        await model.ask(question(), { maxTokens: 8, temperature: 1, seed: 7, signal: controller.signal }).then(
          () => {},
          (error: unknown) => {
            expect(error).toEqual(new Error(`stop ${i}`))
            interrupted++
          }
        )
        clearTimeout(timer)
      } else {
        // By leaving the loop: after each event in turn.
        let seen = 0
        for await (const _ of asked().events()) if (++seen > i % (events.length - 1)) break
        interrupted++
      }
    }
    // A worker thread that an interruption ended is started again by the next ask.
    await asked()
    expect(interrupted).toBeGreaterThan(60)
    // A dead child's pipes are closed by the event loop a little after it.
    await vi.waitFor(() => expect(count()).toEqual(before), { timeout: 3000, interval: 50 })
  }, 300_000)

  it("leaves nothing open when the model is disposed of while it answers", async () => {
    const other = await loadGolden({ cacheDir: cache.cacheDir })
    const before = liveHandles()
    const run = other.ask(question(), { maxTokens: 400 })
    const events = run.events()[Symbol.asyncIterator]()
    await events.next()
    await other.dispose()
    await settled()
    expect(liveHandles().sessions).toBeLessThan(before.sessions)
    expect(liveHandles().calls).toBe(0)
    await expect(
      (async () => {
        for await (const _ of run) {
          /* drained */
        }
      })()
    ).rejects.toThrow("disposed")
    expect(children()).toEqual([])
  }, 60_000)
})
