import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { copySettings } from "../conformance/settings-only.ts"
import { root } from "../ground/repository-files.ts"
import { ended, runCommand, startCommand } from "./run-command.ts"

const model = join(root, "test", "golden", "qwen2_5_omni", "checkpoint")
const clip = join(root, "examples", "media", "parade.mp4")
const picture = join(root, "examples", "media", "circles.png")

let folder = ""
let env: Record<string, string> = {}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sensorium-command-"))
  mkdirSync(join(folder, "temporary"))
  env = { SENSORIUM_CACHE_DIR: join(folder, "cache"), TMPDIR: join(folder, "temporary") }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sensorium = (...args: ReadonlyArray<string>) => runCommand(args, env)
const objects = (stdout: string): ReadonlyArray<Record<string, unknown>> =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
const file = (name: string, bytes: string | Uint8Array) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

describe("sensorium ask", () => {
  it("writes the answer, and nothing else, to standard output", async () => {
    const [first, second] = await Promise.all([
      sensorium("ask", "Hello", "--model", model, "--max-tokens", "6"),
      sensorium("ask", "--json", "Hello", "--model", model, "--max-tokens", "6")
    ])
    expect(first).toMatchObject({ code: 0, stderr: "" })
    const events = objects(second.stdout)
    expect(events.map(({ type }) => type)).toEqual(["plan", ...events.slice(1, -1).map(() => "text-delta"), "finish"])
    expect(events.at(-1)).toMatchObject({ text: first.stdout.slice(0, -1), usage: { outputTokens: 6 } })
    expect(
      events
        .slice(1, -1)
        .map(({ text }) => text)
        .join("")
    ).toBe(first.stdout.slice(0, -1))
  })

  it("says on standard error that the model in the package has random weights", async () => {
    const { code, stderr } = await sensorium("ask", "Hello", "--max-tokens", "1")
    expect(code).toBe(0)
    expect(stderr === "" || /random weights/.test(stderr)).toBe(true)
  })

  it("gives the same answer for the same seed", async () => {
    const ask = () => sensorium("ask", "Hello", "--model", model, "--max-tokens", "8", "--temperature", "1", "--seed", "7")
    const [one, two] = await Promise.all([ask(), ask()])
    expect(one.stdout).toBe(two.stdout)
    expect(one.code).toBe(0)
  })

  it("answers about a clip with its sound, and about a picture", async () => {
    const { code, stdout } = await sensorium("ask", "--json", clip, picture, "What?", "--model", model, "--max-tokens", "2", "--fps", "1")
    expect(code).toBe(0)
    const rows = Object.keys(JSON.parse(JSON.stringify(objects(stdout).at(-1)?.usage)).rows)
    expect(rows.toSorted()).toEqual(["audio", "image", "text", "video"])
    const silent = await sensorium("ask", "--json", clip, "What?", "--model", model, "--max-tokens", "2", "--no-sound")
    expect(Object.keys(JSON.parse(JSON.stringify(objects(silent.stdout).at(-1)?.usage)).rows).toSorted()).toEqual(["text", "video"])
  })
})

describe("sensorium plan", () => {
  it("says what a prompt will cost, as a table and as JSON", async () => {
    const [table, json, graph] = await Promise.all([
      sensorium("plan", clip, "--model", model),
      sensorium("plan", clip, "--model", model, "--json"),
      sensorium("plan", clip, "--model", model, "--graph")
    ])
    expect([table, json, graph].map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
      [0, ""]
    ])
    const [plan] = objects(json.stdout)
    expect(plan).toMatchObject({ fits: true, media: [{ modality: "video", tracks: [{ modality: "audio" }] }] })
    for (const word of ["parade.mp4", "rows", "positions", "cells", "context"]) expect(table.stdout).toContain(word)
    for (const stage of ["source", "producer", "layout", "positions", "prefill", "decode"]) expect(graph.stdout).toContain(stage)
  })

  it("compiles nothing, and needs no weights", async () => {
    const settings = copySettings(join(root, "test", "golden", "qwen2_5_omni"), join(folder, "settings"))
    const cache = join(folder, "cache-of-plan")
    const [whole, without] = await Promise.all([model, settings].map((one) => sensorium("plan", clip, "--model", one, "--cache-dir", cache, "--json")))
    expect(whole).toMatchObject({ code: 0, stderr: "" })
    expect(without).toEqual(whole)
    expect(existsSync(cache)).toBe(false)
  })
})

describe("bad input ends with one line on standard error and a code under 128", () => {
  it.each<[name: string, code: number, says: RegExp, args: () => ReadonlyArray<string>]>([
    ["no such file", 3, /nowhere\.mp4/, () => [join(folder, "nowhere.mp4"), "What?"]],
    ["a folder", 3, /folder|directory/, () => [folder, "What?"]],
    ["an empty file", 3, /empty/, () => [file("empty.mp4", ""), "What?"]],
    ["a text file called .png", 3, /text\.png/, () => [file("text.png", "not a picture\n"), "What?"]],
    ["a cut-off picture", 3, /cut\.png/, () => [file("cut.png", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])), "What?"]],
    ["a name with a newline in it", 3, /no\?such|no such/, () => [join(folder, "no\nsuch.mp4"), "What?"]],
    ["an address that points inside", 3, /127\.0\.0\.1/, () => ["http://127.0.0.1:9/a.mp4", "What?"]],
    ["no question", 2, /question is missing/, () => [clip]],
    ["an unknown option", 2, /--frames/, () => ["What?", "--frames", "3"]],
    ["a value out of range", 2, /temperature/, () => ["What?", "--temperature=-1"]],
    ["an unknown dtype", 2, /fp32.*fp16/, () => ["What?", "--dtype", "q4"]],
    ["a prompt beyond the context", 4, /rows/, () => ["What?", "--max-tokens", "10000000"]],
    ["no such model", 5, /no-model/, () => ["What?", "--model", join(folder, "no-model")]]
  ])("%s", async (_name, code, says, args) => {
    const given = args()
    const result = await sensorium("ask", ...given, ...(given.includes("--model") ? [] : ["--model", model]))
    expect(result).toMatchObject({ code, stdout: "" })
    expect(result.stderr).toMatch(/^sensorium: [^\n]+\n$/)
    expect(result.stderr).toMatch(says)
  })
})

describe("sensorium verify", () => {
  const golden = join(root, "test", "golden", "qwen2_5_omni")
  /** A golden folder of our own with the one case of text alone. */
  const oneCase = (name: string) => {
    const to = join(folder, name)
    for (const path of ["checkpoint", "cases/text.json", "cases/text.safetensors"]) cpSync(join(golden, path), join(to, path), { recursive: true })
    return to
  }

  it("ends with 0 when every case passes", async () => {
    const { code, stderr, stdout } = await sensorium("verify", oneCase("good"))
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toContain("1 of 1 cases pass")
    for (const rung of ["layout", "positions", "logits", "tokens"]) expect(stdout).toMatch(new RegExp(`text +${rung} +ok`))
  })

  it("ends with 1 when one falls short, and climbs the other folders all the same", async () => {
    const bad = oneCase("bad")
    const path = join(bad, "cases", "text.safetensors")
    const bytes = readFileSync(path)
    const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString())
    // The first token, by one.
    const at = 8 + Number(bytes.readBigUInt64LE()) + header.tokens.data_offsets[0]
    bytes.writeBigInt64LE(bytes.readBigInt64LE(at) + 1n, at)
    writeFileSync(path, bytes)
    const { code, stderr, stdout } = await sensorium("verify", "--json", bad, join(folder, "nowhere"), oneCase("other"))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^sensorium: [^\n]*nowhere[^\n]*\n$/)
    expect(objects(stdout)).toMatchObject([
      { folder: bad, case: "text", passed: false },
      { folder: bad, passed: false, cases: 1, short: 1 },
      { folder: join(folder, "other"), case: "text", passed: true },
      { folder: join(folder, "other"), passed: true, cases: 1, short: 0 }
    ])
    const findings: ReadonlyArray<{ rung: string; passed: boolean }> = JSON.parse(stdout.split("\n")[0]).findings
    expect(findings.filter(({ passed }) => !passed).map(({ rung }) => rung)).toEqual(["tokens"])
  })
})

describe("what goes wrong on the way", () => {
  it("a reader that goes away ends an answer quietly", async () => {
    const child = startCommand(["ask", "Hello", "--model", model, "--max-tokens", "2000", "--temperature", "1"], env)
    child.stdout?.once("data", () => child.stdout?.destroy())
    const { code, stderr } = await ended(child)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  })

  it("ffmpeg that is nowhere is told, with what to do", async () => {
    const { code, stderr, stdout } = await runCommand(["ask", clip, "What?", "--model", model], { ...env, FFMPEG_PATH: join(folder, "no-ffmpeg") })
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" })
    expect(stderr).toMatch(/^sensorium: [^\n]*ffmpeg[^\n]*\n$/)
  })

  it("a cache that cannot be written is told", async () => {
    const { code, stderr } = await sensorium("ask", "Hello", "--model", model, "--cache-dir", file("a-file", "in the way"))
    expect(code).toBe(6)
    expect(stderr).toMatch(/^sensorium: [^\n]+\n$/)
  })
})

describe("Ctrl-C", () => {
  it.each([
    ["in one process", []],
    ["under an old Node", ['--import=data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})']]
  ])("ends with 130 and leaves nothing behind, %s", async (_name, nodeArgs) => {
    const child = startCommand(["ask", "Hello", "--model", model, "--max-tokens", "2000", "--temperature", "1", "--seed", "1", "--json"], env, nodeArgs)
    const end = ended(child)
    await new Promise((resolve) => child.stdout?.once("data", resolve))
    child.kill("SIGINT")
    const { code, stderr } = await end
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" })
    expect(readdirSync(join(folder, "temporary"))).toEqual([])
  })
})

describe.runIf(process.platform === "linux")("Ctrl-C while a clip is read", () => {
  /** Processes that were started with our temporary folder: the command's own, and every ffmpeg of it. */
  const alive = () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readFileSync(join("/proc", pid, "environ"), "latin1").includes(`TMPDIR=${join(folder, "temporary")}\0`)
        } catch {
          return false
        }
      })

  it("leaves no process and no temporary file", async () => {
    const child = startCommand(["ask", "--json", clip, "What?", "--model", model, "--max-tokens", "2000"], env)
    const end = ended(child)
    // The first line is the plan: from here on frames are decoded and read.
    await new Promise((resolve) => child.stdout?.once("data", resolve))
    expect(alive().length).toBeGreaterThan(0)
    child.kill("SIGINT")
    expect(await end).toMatchObject({ code: 130, stderr: "" })
    expect(alive()).toEqual([])
    expect(readdirSync(join(folder, "temporary"))).toEqual([])
  })
})

describe("sensorium compile and cache", () => {
  it("keeps what was compiled, lists it, and removes it", async () => {
    const cache = ["--cache-dir", join(folder, "other cache")]
    const compiled = await sensorium("compile", model, "--dtype", "fp16", "--json", ...cache)
    expect(compiled).toMatchObject({ code: 0, stderr: "" })
    const [report] = objects(compiled.stdout)
    expect(report).toMatchObject({ checkpoint: model, dtype: "fp16" })
    const listed = await sensorium("cache", "ls", "--json", ...cache)
    expect(objects(listed.stdout)).toMatchObject([{ key: report.key, bytes: report.bytes, inUse: false }])
    expect((await sensorium("cache", "ls", ...cache)).stdout).toContain("1 model")
    expect((await sensorium("cache", "clear", ...cache)).stdout).toMatch(/^removed 1 model/)
    expect((await sensorium("cache", "ls", "--json", ...cache)).stdout).toBe("")
  })
})
