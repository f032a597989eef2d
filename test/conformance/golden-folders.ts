import { readdirSync } from "node:fs"
import { join, relative } from "node:path"

const goldenRoot = join(import.meta.dirname, "../golden")

const below = (folder: string): ReadonlyArray<string> => {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  if (entries.some(({ name }) => name === "cases")) return [folder]
  return entries.flatMap(({ name }) => below(join(folder, name)))
}

/** A golden folder of the repository, by its family's folder. */
export interface GoldenPlace {
  /** Path below test/golden: the family, or the family and a variant. */
  readonly name: string
  readonly family: string
  readonly folder: string
}

/** Every golden folder of the repository, found by its `cases`. */
export const goldenFolders: ReadonlyArray<GoldenPlace> = below(goldenRoot).map((folder) => {
  const name = relative(goldenRoot, folder)
  return { name, family: name.split(/[\\/]/)[0], folder }
})
