/**
 * `npm run bench`: the golden model, and one of half a billion parameters with random weights that this makes itself. Every figure is of a process of its own.
 * `npm run bench -- families`: a line a family. `npm run bench -- adapters`: LoRA kept apart against LoRA merged. `--quick` leaves out the long clip's sound. The training of the default model is paused meanwhile (lock file).
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { halfBillion, writeOmniCheckpoint } from "../sizes/random-omni.ts"
import type { Measured, Probe } from "./ask-probe.ts"
import { benchAdapters } from "./adapters.ts"
import { benchFamilies } from "./families.ts"

const quietLock = process.env.SENSORIUM_QUIET_LOCK ?? join(tmpdir(), "sensorium-quiet.lock")
const root = join(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "sensorium-bench-"))

const measure = (probe: Probe): Measured =>
  JSON.parse(
    execFileSync(process.execPath, [join(import.meta.dirname, "ask-probe.ts"), JSON.stringify(probe)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"]
    }).trim()
  )

/** A clip that moves and sounds, `seconds` long; made once. */
const clipOf = (seconds: number): string => {
  const path = join(folder, `clip-${seconds}.mp4`)
  if (existsSync(path)) return path
  execFileSync(process.env.FFMPEG_PATH ?? "ffmpeg", [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    `testsrc2=size=320x240:rate=8:duration=${seconds}`,
    "-f",
    "lavfi",
    "-i",
    `sine=frequency=440:duration=${seconds}`,
    "-c:v",
    "mpeg4",
    "-q:v",
    "6",
    "-c:a",
    "aac",
    "-shortest",
    "-movflags",
    "+faststart",
    path
  ])
  return path
}

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
const ms = (value: number) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`)
const say = (name: string, value: string) => console.log(`${name.padEnd(58)} ${value}`)

const LOOP = "  event loop: longest task, with collection; longest stall"
const loopOf = ({ longestStallMs, longestTaskMs, longestTickMs }: Measured) => `${ms(longestTaskMs)}, ${ms(longestTickMs)}; ${ms(longestStallMs)}`

const small = { minPixels: 3136, maxPixels: 28 * 28 * 16 }

const benchModel = (name: string, model: string, long: boolean): void => {
  const cacheDir = join(folder, `cache-${name}`)
  const common = { model, cacheDir, maxTokens: 32 } as const
  console.log(`\n${name}`)
  const compiled = measure({ ...common, what: "load" })
  say("compile and load: time, peak memory", `${ms(compiled.loadMs)}, ${mb(compiled.peakBytes)}`)
  const loaded = measure({ ...common, what: "load" })
  say("load again: time, peak memory", `${ms(loaded.loadMs)}, ${mb(loaded.peakBytes)}`)
  const ten = measure({ ...common, what: "ask", clip: clipOf(10), video: { ...small, longAudio: "windows" } })
  say(`10-second clip with sound, ${ten.rows} rows: first token, speed`, `${ms(ten.firstTokenMs)}, ${ten.tokensPerSecond.toFixed(1)} tokens a second`)
  say("  peak memory", mb(ten.peakBytes))
  say(LOOP, loopOf(ten))
  if (long) {
    const sounding = measure({ ...common, what: "ask", clip: clipOf(600), video: { ...small, fps: 0.2, longAudio: "windows" } })
    say(`10-minute clip with sound, ${sounding.rows} rows: first token`, ms(sounding.firstTokenMs))
    say("  peak memory", mb(sounding.peakBytes))
    say(LOOP, loopOf(sounding))
  }
  const [minute, tenMinutes] = [60, 600].map((seconds) =>
    measure({
      ...common,
      what: "ask",
      maxTokens: 4,
      clip: clipOf(seconds),
      video: { ...small, fps: 60 / seconds, sound: false }
    })
  )
  say(
    `peak memory, 10 minutes to 1 minute at ${tenMinutes.rows} and ${minute.rows} rows`,
    `${mb(tenMinutes.peakBytes)} to ${mb(minute.peakBytes)}: ratio ${(tenMinutes.peakBytes / minute.peakBytes).toFixed(2)}`
  )
  const cancel = measure({ ...common, what: "cancel", cancels: 100, clip: clipOf(10), video: { ...small } })
  say(`cancel to quiet, ${cancel.cancelled} asks: median, 99th percentile`, `${ms(cancel.medianMs)}, ${ms(cancel.percentile99Ms)}`)
}

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("-"))
try {
  writeFileSync(quietLock, String(process.pid))
  if (wanted.includes("families")) await benchFamilies(folder)
  else if (wanted.includes("adapters")) await benchAdapters(join(folder, "cache-adapters"))
  else {
    const golden = join(root, "test/golden/qwen2_5_omni/checkpoint")
    if (wanted.length === 0 || wanted.includes("golden")) benchModel("golden model", golden, true)
    if (wanted.length === 0 || wanted.includes("half-billion")) {
      const checkpoint = join(folder, "half-billion")
      mkdirSync(checkpoint)
      await writeOmniCheckpoint(checkpoint, halfBillion)
      benchModel("half a billion parameters, random weights, fp32", checkpoint, !process.argv.includes("--quick"))
      const long = measure({
        model: checkpoint,
        cacheDir: join(folder, "cache-half a billion parameters, random weights, fp32"),
        what: "ask",
        maxTokens: 8,
        text: "word ".repeat(8000)
      })
      say(`${long.rows} rows of text, vocabulary of 151,936: first token`, ms(long.firstTokenMs))
      say(LOOP, loopOf(long))
    }
  }
} finally {
  rmSync(quietLock, { force: true })
  rmSync(folder, { recursive: true, force: true })
}
