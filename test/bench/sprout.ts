/**
 * `npm run bench:sprout -- FOLDER [--ablate]`: accuracy of the default model on the held-out files that examples/models/sprout/heldout.py writes into FOLDER
 * (see its first lines), task by task beside chance, through the whole pipeline. `--ablate`: for clips with sound also without the sound, and without the picture.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { audio, type ContentPart, image, load, type MediaValue, type Model, video } from "../../src/index.ts"

interface Item {
  readonly id: string
  readonly task: string
  readonly kind: string
  readonly chance: number
  readonly bound?: number
  readonly media: ReadonlyArray<{ readonly type: string; readonly path: string; readonly sound?: boolean }>
  readonly turns: ReadonlyArray<{ readonly question: string; readonly answers: ReadonlyArray<string> }>
}

type Part = "all" | "without sound" | "without picture"

const mediaOf = (folder: string, { media }: Item, part: Part): ReadonlyArray<MediaValue> =>
  media.map(({ path, sound, type }) => {
    const file = join(folder, path)
    if (type === "image") return image(file)
    if (type === "audio" || part === "without picture") return audio(file)
    return video(file, { sound: sound === true && part !== "without sound" })
  })

const plain = (text: string): string => text.trim().toLowerCase().replace(/\.$/, "")

/** Every turn's answer must be one of those that count; each question is asked after the model's own answers. */
const isRight = async (model: Model, folder: string, item: Item, part: Part): Promise<boolean> => {
  const chat = model.chat()
  try {
    for (const [i, { answers, question }] of item.turns.entries()) {
      const content: ReadonlyArray<ContentPart> = i === 0 ? [...mediaOf(folder, item, part), question] : [question]
      const { text } = await chat.ask(content, { maxTokens: 16 })
      if (!answers.includes(plain(text))) return false
    }
    return true
  } finally {
    await chat.dispose()
  }
}

const share = (right: number, of: number): string => (of === 0 ? "-" : (right / of).toFixed(2))

const folder = process.argv.slice(2).find((argument) => !argument.startsWith("-"))
if (folder === undefined || !existsSync(join(folder, "manifest.json"))) {
  console.error("name a folder with the held-out files; examples/models/sprout/heldout.py writes them")
  process.exit(2)
}
const { items }: { readonly items: ReadonlyArray<Item> } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))
const ablates = process.argv.includes("--ablate")
const model = await load()
try {
  console.log(
    `${"task".padEnd(44)} ${"n".padStart(4)} ${"right".padStart(6)} ${"chance".padStart(6)} ${"bound".padStart(6)}${ablates ? `${"no sound".padStart(10)}${"no picture".padStart(12)}` : ""}`
  )
  for (const [name, own] of Map.groupBy(items, ({ kind, task }) => `${kind}: ${task}`)) {
    const parts: ReadonlyArray<Part> = ablates && own[0].kind === "joint" ? ["all", "without sound", "without picture"] : ["all"]
    const right = { all: 0, "without sound": 0, "without picture": 0 }
    for (const item of own) for (const part of parts) if (await isRight(model, folder, item, part)) right[part]++
    const bound = own[0].bound
    const others =
      parts.length > 1 ? `${share(right["without sound"], own.length).padStart(10)}${share(right["without picture"], own.length).padStart(12)}` : ""
    console.log(
      `${name.padEnd(44)} ${String(own.length).padStart(4)} ${share(right.all, own.length).padStart(6)} ${own[0].chance.toFixed(2).padStart(6)} ${(bound?.toFixed(2) ?? "").padStart(6)}${others}`
    )
  }
} finally {
  await model.dispose()
}
