/** Writes docs/families.md from the code: families, their cards, and what climbing their golden folders finds. `node .ci/generate-families-table.ts` */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import type { FamilyModule } from "../src/session/family-module.ts"
import { loadModel, services } from "../src/face/load-model.ts"
import { verifyFolder } from "../src/verify/verify-folder.ts"
import { publishedRows, publishedSizeOf, widePicture } from "../test/bench/published-sizes.ts"
import { goldenFolders, type GoldenPlace } from "../test/conformance/golden-folders.ts"

const root = join(import.meta.dirname, "..")

/** Modalities and passing cases of one golden folder. */
const climb = (folder: string) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const model = yield* loadModel({ model: join(folder, "checkpoint") })
        const { cases } = yield* verifyFolder(folder)
        return { modalities: model.modalities, cases: cases.length, passing: cases.filter(({ findings }) => findings.every(({ passed }) => passed)).length }
      })
    ).pipe(Effect.provide(services()))
  )

/** Rows of a picture of 1920 x 1080 at the published sizes of these golden folders, by the name of the model card. */
const rowsOf = async (places: ReadonlyArray<GoldenPlace>, picture: string, temporary: string): Promise<string> => {
  const said: Array<string> = []
  for (const place of places) {
    const size = publishedSizeOf(place)
    if (size === undefined) continue
    const { form, rows } = await publishedRows(place, picture, join(temporary, "settings"))
    said.push(`${rows}${form === "memory" ? " of memory" : ""} (${size.card})`)
  }
  return said.join(", ")
}

/** The page. */
export const familiesPage = async (): Promise<string> => {
  const temporary = await mkdtemp(join(tmpdir(), "sensorium-families-"))
  try {
    return pageOf(await linesOf(temporary))
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** A line a family. */
const linesOf = async (temporary: string): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  const picture = await widePicture(temporary)
  for (const folder of (await readdir(join(root, "src/models"))).sort()) {
    const { family }: { readonly family: FamilyModule } = await import(pathToFileURL(join(root, "src/models", folder, "family.ts")).href)
    const places = goldenFolders.filter((place) => place.family === folder)
    const climbed = []
    for (const place of places) climbed.push(await climb(place.folder))
    const modalities = [...new Set(climbed.flatMap((one) => one.modalities))].join(", ")
    const cases = climbed.reduce((sum, one) => sum + one.cases, 0)
    const passing = climbed.reduce((sum, one) => sum + one.passing, 0)
    const rows = await rowsOf(places, picture, temporary)
    const { positions, projector, slicing } = family.card
    lines.push(
      `| [${folder}](../${relative(root, join(root, "src/models", folder)).replaceAll("\\", "/")}) | ${family.modelTypes.join(", ")} | ${modalities} | ${slicing} | ${projector} | ${positions} | ${rows} | ${places.map(({ name }) => name).join(", ")} | ${passing} of ${cases} |`
    )
  }
  return lines
}

const pageOf = (lines: ReadonlyArray<string>): string => `# Families

Made from the code by \`node .ci/generate-families-table.ts\`, which climbs every golden folder; \`npm test\` climbs them too. Each family reads the published checkpoint's own layout; a
\`model_type\` that is not here is an error that names the nearest one. Rows of a picture of 1920 x 1080 pixels are planned at the sizes of the published checkpoint in brackets, without its weights.

| folder | \`model_type\` | beside text | how pictures are cut | projector | positions | rows of 1920 x 1080 | golden folders | cases that pass \`verify\` |
|---|---|---|---|---|---|---|---|---|
${lines.join("\n")}
`

if (process.argv[1] === import.meta.filename) await writeFile(join(root, "docs/families.md"), await familiesPage())
