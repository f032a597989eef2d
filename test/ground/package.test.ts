import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { root, textOf } from "./repository-files.ts"

const manifest: { version: string; engines: { node: string }; devDependencies: Record<string, string> } = JSON.parse(textOf("package.json"))
/** The lowest Node that `engines` names: `>=22.19` -> 22.19.0. */
const lowestNode = [...manifest.engines.node.replace(">=", "").split("."), "0", "0"].slice(0, 3).join(".")
const nodeTypes = manifest.devDependencies["@types/node"]

const consumer = `
import { audio, embeddings, image, isSensoriumError, load, producer, video } from "sensorium"
import { Media, Sensorium } from "sensorium/effect"
import type { Answer, AskEvent, PlanSummary } from "sensorium"
import type { AskError, SensoriumService } from "sensorium/effect"
import { Effect, type Stream } from "effect"

export const main = async (): Promise<Answer> => {
  await using model = await load()
  for await (const text of model.ask([video("parade.mp4", { fps: 1 }), "What is said?"])) text.toUpperCase()
  const plan: PlanSummary = await model.plan([image(new Uint8Array(3)), audio("a.wav"), "?"])
  if (plan.fits) return model.ask([embeddings([]), "Who scored?"], { maxTokens: 16 })
  const event: AskEvent = { type: "text-delta", text: "" }
  throw new Error(event.type)
}
export const seismograph = producer<Float32Array>({
  modality: "seismogram", width: 8, plan: (series) => ({ rows: series.length }), encode: async function* (series) { yield series }
})
export const kind = (error: unknown): string => (isSensoriumError(error) && error._tag === "ContextOverflow" ? \`\${error.rowsNeeded}\` : "")
export const program = (model: SensoriumService): Stream.Stream<string, AskError> => model.ask([Media.video("parade.mp4"), "What happens?"])
export const service: Effect.Effect<SensoriumService, never, Sensorium> = Effect.gen(function* () { return yield* Sensorium })
// @ts-expect-error an unknown option
export const wrong = image("a.png", { fps: 1 })
`

// Node 22 has no `await using`.
const program = `
import * as plain from "sensorium"
import * as effect from "sensorium/effect"
const { version } = process
const model = await plain.load()
const { text, usage } = await model.ask("Hello", { maxTokens: 2, temperature: 0 })
console.log(JSON.stringify({ version, plain: typeof plain.load, effect: typeof effect.Sensorium.layer, text, outputTokens: usage.outputTokens }))
await model.dispose()
`

describe("the package, installed on the lowest Node that it names", () => {
  let folder = ""
  const inProject = (command: string, args: ReadonlyArray<string>) => {
    // Programs of this checkout must not be found from there.
    const path = (process.env.PATH ?? "")
      .split(":")
      .filter((entry) => !entry.includes("node_modules"))
      .join(":")
    const env = {
      ...process.env,
      PATH: `${join(folder, "node_modules", ".bin")}:${path}`,
      ONNXRUNTIME_NODE_INSTALL: "skip",
      SENSORIUM_CACHE_DIR: join(folder, "cache")
    }
    return spawnSync(command, args, { cwd: folder, encoding: "utf8", env })
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sensorium-package-"))
    const packed = spawnSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root, encoding: "utf8" })
    expect(packed.status, packed.stderr).toBe(0)
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
    const tarball = join(folder, `sensorium-${manifest.version}.tgz`)
    const installed = inProject("npm", [
      "install",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "--loglevel=error",
      tarball,
      `node@${lowestNode}`,
      `@types/node@${nodeTypes}`
    ])
    expect(installed.status, installed.stderr).toBe(0)
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("holds what runs and nothing else", () => {
    const listed = spawnSync("tar", ["-tzf", join(folder, `sensorium-${manifest.version}.tgz`)], { encoding: "utf8" })
      .stdout.trim()
      .split("\n")
    const paths = listed.map((path) => path.replace(/^package\//, ""))
    for (const path of [
      "LICENSE",
      "README.md",
      "package.json",
      "dist/src/index.js",
      "dist/src/index.d.ts",
      "dist/src/effect.js",
      "dist/src/effect.d.ts",
      "src/cli/sensorium.js"
    ]) {
      expect(paths).toContain(path)
    }
    expect(paths.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))).toEqual([])
    expect(paths.filter((path) => /^(test|examples|docs|\.ci)\//.test(path) && !path.includes("/checkpoint/"))).toEqual([])
  })

  it("its types are good for both faces", () => {
    writeFileSync(join(folder, "consumer.ts"), consumer)
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "es2024",
          lib: ["es2024", "esnext.disposable"],
          module: "nodenext",
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          exactOptionalPropertyTypes: true,
          types: ["node"]
        },
        files: ["consumer.ts"]
      })
    )
    const { status, stdout } = spawnSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], { encoding: "utf8" })
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
  })

  it("both faces run, and answer with the model in the package", () => {
    writeFileSync(join(folder, "program.js"), program)
    const { status, stderr, stdout } = inProject("node", ["program.js"])
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ version: `v${lowestNode}`, plain: "function", effect: "function" })
  })

  it("its command runs", () => {
    expect(inProject("sensorium", ["--version"])).toMatchObject({ status: 0, stdout: `${manifest.version}\n` })
    const asked = inProject("sensorium", ["ask", "Hello", "--max-tokens", "2"])
    expect(asked.status, asked.stderr).toBe(0)
    expect(asked.stdout.endsWith("\n")).toBe(true)
  })
})
