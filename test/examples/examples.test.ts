import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { files, root } from "../ground/repository-files.ts"
import { type Ended, ended } from "../cli/run-command.ts"

// A person runs them from the repository's root, by the package's own name: they see `dist`.
const examples = files.filter((path) => /^examples\/\d\d-[^/]*\.ts$/.test(path))

/** What the default model must say: a right answer is part of the example. Those of 06 mean nothing, and of 08 the test looks at the words alone. */
const said: Readonly<Record<string, RegExp>> = {
  "01": /^orange$/m,
  "02": /^four$/m,
  "03": /^dog$/m,
  "04": /0 to 2 s .*red\n2 to 4 s .*blue\n4 to 6 s .*yellow\n.*first color\?  red .*\n.*last color\?  yellow /,
  "05": /^1\. seven\n2\. blue /m,
  "06": /16 rows of seismogram/,
  "07": /seven[\s\S]*refused: \d+ rows needed[\s\S]*no-such-file\.wav cannot be read/
}

describe("examples", () => {
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sensorium-examples-"))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("are numbered from 01 on", () => {
    expect(examples.map((path) => path.slice(9, 11))).toEqual(examples.map((_, i) => String(i + 1).padStart(2, "0")))
    expect(examples.length).toBeGreaterThanOrEqual(7)
  })

  it.each(examples)("%s runs, answers, and leaves no file", { timeout: 120_000 }, async (path) => {
    const temporary = mkdtempSync(join(folder, "temporary-"))
    const child = spawn(process.execPath, [path], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SENSORIUM_CACHE_DIR: join(folder, "cache"), TMPDIR: temporary }
    })
    const { code, stderr, stdout }: Ended = await ended(child)
    expect({ code, stack: /^\s+at /m.test(stderr) }, stderr).toEqual({ code: 0, stack: false })
    expect(stdout.trim()).not.toBe("")
    expect(stdout).toMatch(said[path.slice(9, 11)] ?? /./)
    expect(readdirSync(temporary)).toEqual([])
  })
})
