import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "./repository-files.ts"

const tool = (path: string, args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "node_modules", path), ...args], { cwd: root, encoding: "utf8" })
  return { status, said: status === 0 ? "" : `${stdout}${stderr}` }
}

describe("tools", () => {
  it("TypeScript finds no error", { timeout: 120_000 }, () => {
    expect(tool("typescript/bin/tsc", ["-p", "tsconfig.json"])).toEqual({ status: 0, said: "" })
  })

  it("oxlint finds nothing", { timeout: 120_000 }, () => {
    expect(tool("oxlint/bin/oxlint", ["--type-aware", "--format=unix"])).toEqual({ status: 0, said: "" })
  })

  it("oxfmt finds nothing to change", { timeout: 120_000 }, () => {
    expect(tool("oxfmt/bin/oxfmt", ["--check"])).toEqual({ status: 0, said: "" })
  })
})
