import { afterAll, beforeAll } from "@effect/vitest"
import { execFile, execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** A folder for a test file's own files, removed when its tests are done. The system's folder of temporaries lies in it, so that what is left over can be counted. */
export const testFolder = (): { readonly path: (name: string) => string; readonly temporaries: () => ReadonlyArray<string> } => {
  const folder = mkdtempSync(join(tmpdir(), "sensorium-test-"))
  const before = process.env["TMPDIR"]
  const inner = mkdtempSync(join(folder, "tmp-"))
  beforeAll(() => {
    process.env["TMPDIR"] = inner
  })
  afterAll(() => {
    if (before === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = before
    rmSync(folder, { recursive: true, force: true })
  })
  return { path: (name) => join(folder, name), temporaries: () => readdirSync(inner) }
}

const run = promisify(execFile)

/** Makes a media file by ffmpeg itself. */
export const makeClip = async (path: string, ...args: ReadonlyArray<string>): Promise<string> => {
  await run("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args, path])
  return path
}

/** Every frame of a film, as the command of the golden README decodes it, none doubled and none dropped. */
export const referenceFrames = (path: string): Buffer =>
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], {
    maxBuffer: 1 << 30
  })

/** Children of this process whose program has the name. */
export const children = (name: string): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8")
      const [, program, rest] = /\((.*)\) (.*)$/s.exec(stat) ?? []
      if (program === name && Number(rest.split(" ")[1]) === process.pid) found.push(Number(entry))
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

/** Files that this process has open under a folder. */
export const openFiles = (folder: string): number =>
  readdirSync("/proc/self/fd").filter((entry) => {
    try {
      return readlinkSync(`/proc/self/fd/${entry}`).startsWith(folder)
    } catch {
      return false // closed while we looked
    }
  }).length
