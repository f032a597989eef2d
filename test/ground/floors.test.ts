import { dirname, join } from "node:path/posix"
import { describe, expect, it } from "vitest"
import { modules, textOf, withoutComments } from "./repository-files.ts"

// The floors as docs/architecture.md draws them: a line is a number and the paths that stand on that floor.
const plan = textOf("docs/architecture.md").split("## Floors")[1].split("\n## ")[0]
const lines = plan.split("\n").filter((line) => /^\d\s/.test(line))
const floors = lines.flatMap((line) =>
  (line.match(/(?:src|modalities)\/[\w./<>-]*/g) ?? []).map((path) => ({ path: path.replace(/\/$/, ""), floor: Number(line[0]) }))
)
const top = Math.max(...floors.map(({ floor }) => floor))
// Fallible modules between sibling folders are listed here, with the reason in docs/architecture.md.
const sideways: ReadonlyArray<readonly [from: string, to: string]> = [
  ["modalities/video", "modalities/image"],
  ["modalities/video", "modalities/audio"]
]

/** The unit that a module belongs to (`src/core`, `src/models/llava`, `src/index.ts`) and its floor. */
const placeOf = (module: string): { unit: string; floor: number } => {
  const parts = module.split("/")
  for (const { path, floor } of floors) {
    const wanted = path.split("/")
    if (wanted.length > parts.length || !wanted.every((part, i) => (part.startsWith("<") ? i < parts.length - 1 : part === parts[i]))) continue
    return { unit: parts.slice(0, wanted.length).join("/"), floor }
  }
  // The generated indexes of models and modalities stand above what they list.
  if (/^(src\/models|modalities)\/[^/]+\.ts$/.test(module)) return { unit: module, floor: top }
  throw new Error(`${module} stands on no floor of docs/architecture.md`)
}

const importsOf = (module: string): ReadonlyArray<string> =>
  [...withoutComments(textOf(module)).matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)["'](\.{1,2}\/[^"']+\.ts)["']/g)].map((match) =>
    join(dirname(module), match[1])
  )

describe("floors", () => {
  it("the plan names seven floors", () => {
    expect(new Set(floors.map(({ floor }) => floor))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]))
  })

  it("every module stands on a floor", () => {
    const astray = modules.filter((module) => {
      try {
        placeOf(module)
        return false
      } catch {
        return true
      }
    })
    expect(astray).toEqual([])
  })

  it("imports point down only", () => {
    const wrong = modules.flatMap((module) => {
      const from = placeOf(module)
      return importsOf(module).flatMap((imported) => {
        const to = placeOf(imported)
        if (to.floor < from.floor || to.unit === from.unit || from.floor === top) return []
        if (sideways.some(([a, b]) => a === from.unit && b === to.unit)) return []
        return [`${module} (${from.floor}) imports ${imported} (${to.floor})`]
      })
    })
    expect(wrong).toEqual([])
  })

  it("no module on a floor imports the package by its own name", () => {
    expect(modules.filter((module) => /\bfrom\s+["']sensorium(\/effect)?["']/.test(withoutComments(textOf(module))))).toEqual([])
  })

  it("tensors need no Effect", () => {
    expect(modules.filter((module) => module.startsWith("src/tensor/") && /\bfrom\s+["'](effect|@effect\/)/.test(textOf(module)))).toEqual([])
  })

  it("platform modules of Effect are imported by subpath", () => {
    expect(modules.filter((module) => /\bfrom\s+["']@effect\/platform-node["']/.test(withoutComments(textOf(module))))).toEqual([])
  })
})
