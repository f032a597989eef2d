import { spawn, spawnSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root, textOf } from "../ground/repository-files.ts"

const launcher = join(root, "src", "cli", "sensorium.js")
const { version }: { version: string } = JSON.parse(textOf("package.json"))
/** Makes Node say that it is another version. */
const asNode = (other: string) => `--import=data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${other}"}})`

describe("the command's launcher", () => {
  it("runs from any folder", () => {
    const { status, stdout } = spawnSync(process.execPath, [launcher, "--version"], { cwd: tmpdir(), encoding: "utf8" })
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` })
  })

  it("starts the program under the project's own Node when the one that runs is too old", () => {
    const { status, stdout } = spawnSync(process.execPath, [asNode("20.1.0"), launcher, "--version"], { cwd: tmpdir(), encoding: "utf8" })
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` })
  })

  it("passes the exit code on", () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [asNode("20.1.0"), launcher, "frobnicate"], { encoding: "utf8" })
    expect({ status, stderr, stdout }).toEqual({
      status: 2,
      stderr: 'sensorium: Unknown subcommand "frobnicate" for "sensorium" (see sensorium --help)\n',
      stdout: ""
    })
  })

  it.each([
    ["the same process", []],
    ["a process of its own", [asNode("20.1.0")]]
  ])("help goes to standard output, wrong calls to standard error, in %s", (_name, before) => {
    const help = spawnSync(process.execPath, [...before, launcher, "ask", "--help"], { encoding: "utf8" })
    expect(help.stdout).toContain("--max-tokens")
    expect(help.stderr).toBe("")
    const wrong = spawnSync(process.execPath, [...before, launcher, "ask", "x", "--fps", "many"], { encoding: "utf8" })
    expect(wrong).toMatchObject({ status: 2, stdout: "" })
    expect(wrong.stderr.split("\n")).toHaveLength(2)
  })

  it("a reader that goes away ends it quietly", async () => {
    const child = spawn(process.execPath, [launcher, "--help"], { stdio: ["ignore", "pipe", "pipe"] })
    child.stdout.destroy()
    let told = ""
    child.stderr.on("data", (data: Buffer) => (told += data.toString()))
    const code = await new Promise((resolve) => child.on("close", resolve))
    expect({ code, told }).toEqual({ code: 0, told: "" })
  })
})
