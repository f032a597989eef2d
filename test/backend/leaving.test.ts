import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("leave-process.ts", import.meta.url))

interface Left {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}

/** Runs the program, which leaves in the given way in the middle of native work. */
const leave = (backend: string, way: string): Promise<Left> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, way], { env: { ...process.env, SENSORIUM_BACKEND: backend }, stdio: ["ignore", "pipe", "pipe"] })
    let out = "",
      err = ""
    child.stdout.on("data", (text: Buffer) => {
      out += text.toString()
    })
    child.stderr.on("data", (text: Buffer) => {
      err += text.toString()
    })
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, out, err }))
  })

describe.each(["c", "js"])("leaving the process while native code runs (%s)", (backend) => {
  it.each(["end-open", "exit-in-load", "exit"])("%s: its own exit code, and nothing on standard error", async (way) => {
    const left = await leave(backend, way)
    assert.deepStrictEqual(left, { code: 7, signal: null, out: "ready\nleft\n", err: "" })
  })

  it("an exception that nobody catches: Node's exit code", async () => {
    const left = await leave(backend, "throw")
    assert.deepStrictEqual([left.code, left.signal, left.out], [1, null, "ready\nleft\n"])
    assert.include(left.err, "thrown while native code runs")
  })

  it("a signal: at once", async () => {
    const left = await leave(backend, "kill")
    assert.deepStrictEqual([left.code, left.signal, left.out], [null, "SIGTERM", "ready\nleft\n"])
  })
})
