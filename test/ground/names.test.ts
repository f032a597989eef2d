import { describe, expect, it } from "vitest"
import { files, modules, textOf, withoutComments } from "./repository-files.ts"

const programs = files.filter((path) => /\.(ts|js|mjs|py)$/.test(path))

describe("names and sizes", () => {
  it("files are named in kebab-case", () => {
    const named = files.filter((path) => /\.(ts|js|mjs)$/.test(path) && !path.startsWith("test/golden/"))
    expect(named.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config|\.worker|\.sizes)?\.(ts|js|mjs)$/.test(path.split("/").at(-1) ?? ""))).toEqual([])
  })

  it("no file is named for nothing", () => {
    expect(programs.filter((path) => /^(utils?|misc|helpers?|commons?|managers?)\./.test(path.split("/").at(-1) ?? ""))).toEqual([])
  })

  it("no file of ours is longer than 500 lines", () => {
    const ours = programs.filter((path) => !path.startsWith("test/golden/"))
    expect(ours.map((path) => [path, textOf(path).split("\n").length - 1] as const).filter(([, lines]) => lines > 500)).toEqual([])
  })

  it("examples stay short: 80 lines for a modality of one's own, 60 for the others", () => {
    const examples = files.filter((path) => /^examples\/\d\d[^/]*\.ts$/.test(path))
    const long = examples.filter((path) => textOf(path).split("\n").length - 1 >= (path.startsWith("examples/06") ? 80 : 60))
    expect(long).toEqual([])
  })

  // The session knows producers, never modalities; the core neither these nor families.
  it("src/core and src/session name no modality and no family", () => {
    const folders = (pattern: RegExp) => files.flatMap((path) => pattern.exec(path)?.[1] ?? [])
    const words = new Set([
      ..."image video audio qwen omni llava gemma phi minicpm idefics mllama mobilevlm onevision whisper".split(" "),
      ...folders(/^modalities\/([^/]+)\//),
      ...folders(/^src\/models\/([^/]+)\//).flatMap((family) => family.split(/[\d_]+/).filter((word) => word.length > 2))
    ])
    const named = modules
      .filter((path) => /^src\/(core|session)\//.test(path))
      .flatMap((path) =>
        withoutComments(textOf(path))
          .split("\n")
          .flatMap((line, i) => [...words].filter((word) => new RegExp(word, "i").test(line)).map((word) => `${path}:${i + 1} says "${word}"`))
      )
    expect(named).toEqual([])
  })
})
