import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { root } from "./repository-files.ts"

const moduleUrl = (name: string) => pathToFileURL(join(root, ".ci", name)).href

describe("setup", () => {
  let folder = ""
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sensorium-setup-"))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs a piece of program with a search path of our own; nothing can be downloaded. */
  const run = (program: string, env: Record<string, string> = {}) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { PATH: folder, HOME: folder, FFMPEG_BINARIES_URL: "http://127.0.0.1:9", ...env }
    })
  const ensure = `const { ensureFfmpeg } = await import(${JSON.stringify(moduleUrl("ensure-ffmpeg.js"))}); try { ensureFfmpeg(); console.log("there") } catch (error) { console.log(error.message) }`
  const script = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  const works = 'echo "ffmpeg version 7.1"'

  it("installs nothing where the lock file is met", () => {
    const program = `const { outOfStep } = await import(${JSON.stringify(moduleUrl("install-packages.js"))}); console.log(String(outOfStep()))`
    expect(run(program).stdout).toBe("undefined\n")
  })

  it("takes the ffmpeg on the search path, and starts no package manager", () => {
    script("ffmpeg", works)
    script("apt-get", `/bin/touch ${folder}/asked`)
    expect(run(ensure).stdout).toBe("there\n")
    expect(run("import { existsSync } from 'node:fs'; console.log(existsSync(process.env.HOME + '/asked'))").stdout).toBe("false\n")
  })

  it("takes the ffmpeg that FFMPEG_PATH names", () => {
    mkdirSync(join(folder, "elsewhere"))
    script("elsewhere/my ffmpeg", works)
    expect(run(ensure, { FFMPEG_PATH: join(folder, "elsewhere/my ffmpeg") }).stdout).toBe("there\n")
  })

  it("says so when FFMPEG_PATH names none", () => {
    script("ffmpeg", works)
    expect(run(ensure, { FFMPEG_PATH: join(folder, "nowhere") }).stdout).toContain(`FFMPEG_PATH names ${folder}/nowhere`)
  })

  it("asks the system's package manager where it may", () => {
    const asRoot = process.getuid?.() === 0
    // brew is for people, the others for root.
    script("prepared", works)
    script(asRoot ? "apt-get" : "brew", `[ "$1" != install ] || /bin/cp ${folder}/prepared ${folder}/ffmpeg`)
    const { stdout } = run(ensure)
    expect(stdout).toContain(`Installing ffmpeg with ${asRoot ? "apt-get" : "brew"}`)
    expect(stdout.endsWith("there\n")).toBe(true)
  })

  it("says what to do on each platform when nothing helps", () => {
    const { stdout } = run(ensure)
    for (const advice of ["apt-get install ffmpeg", "dnf install", "apk add", "pacman -S", "brew install ffmpeg", "winget install", "FFMPEG_PATH"])
      expect(stdout).toContain(advice)
  })
})
