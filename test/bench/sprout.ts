/**
 * `npm run bench:sprout -- [FOLDER] [--ablate] [--json OUT.json] [--against ANSWERS.json]`: accuracy of the default model on held-out files, task by task beside chance,
 * through the whole pipeline. FOLDER: one that examples/models/sprout/heldout.py wrote (see its first lines); without one, the committed examples/models/sprout/heldout. `--ablate`: for clips with sound
 * also without the sound, without the picture, and with the time axis of picture, sound or both shuffled. `--against`: how many answers equal those that
 * evaluate.py wrote with the published implementation.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { audio, type ContentPart, image, type MediaValue, video } from "../../src/index.ts"
import { loadModel, services } from "../../src/face/load-model.ts"
import { make, type SensoriumService, settingsOf } from "../../src/face/sensorium.ts"
import { timeShuffled } from "./time-shuffled.ts"

interface Item {
  readonly id: string
  readonly task: string
  readonly kind: string
  readonly chance: number
  readonly bound?: number
  readonly media: ReadonlyArray<{ readonly type: string; readonly path: string; readonly sound?: boolean }>
  readonly turns: ReadonlyArray<{ readonly question: string; readonly answers: ReadonlyArray<string> }>
}

interface Said {
  readonly said: ReadonlyArray<string>
  readonly right: boolean
}

/** What of a clip is left, and in order. */
interface Condition {
  readonly name: string
  readonly service: SensoriumService
  readonly sound: boolean
  readonly picture: boolean
}

const mediaOf = (folder: string, { media }: Item, { picture, sound: heard }: Condition): ReadonlyArray<MediaValue> =>
  media.map(({ path, sound, type }) => {
    const file = join(folder, path)
    if (type === "image") return image(file)
    if (type === "audio" || !picture) return audio(file)
    return video(file, { sound: sound === true && heard })
  })

const plain = (text: string): string => text.trim().toLowerCase().replace(/\.$/, "")

/** Every turn's answer must be one of those that count; each question is asked after the model's own answers. */
const ask = (folder: string, item: Item, condition: Condition) =>
  Effect.scoped(
    Effect.gen(function* () {
      const chat = yield* condition.service.chat()
      const said: Array<string> = []
      for (const [i, { question }] of item.turns.entries()) {
        const content: ReadonlyArray<ContentPart> = i === 0 ? [...mediaOf(folder, item, condition), question] : [question]
        said.push(
          yield* chat.events(content, { maxTokens: 16 }).pipe(
            Stream.runFold(
              () => "",
              (text, event) => (event.type === "text-delta" ? text + event.text : text)
            )
          )
        )
      }
      return { said, right: item.turns.every(({ answers }, i) => answers.includes(plain(said[i]))) }
    })
  )

const share = (results: ReadonlyArray<Said>): string => (results.length === 0 ? "-" : (results.filter(({ right }) => right).length / results.length).toFixed(2))

const valueOf = (option: string): string | undefined => {
  const at = process.argv.indexOf(option)
  return at === -1 ? undefined : process.argv[at + 1]
}

const [named = "--"] = process.argv.slice(2)
const folder = named.startsWith("--") ? join(import.meta.dirname, "../../examples/models/sprout/heldout") : named
if (!existsSync(join(folder, "manifest.json"))) {
  console.error(`${folder} holds no held-out files; examples/models/sprout/heldout.py writes them`)
  process.exit(2)
}
const { items }: { readonly items: ReadonlyArray<Item> } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))
const said: Record<string, Said> = {}

const bench = Effect.gen(function* () {
  const model = yield* loadModel()
  const settings = settingsOf({})
  const service = yield* make(model, settings)
  const whole: Condition = { name: "right", service, sound: true, picture: true }
  const conditions: Array<Condition> = [whole]
  if (process.argv.includes("--ablate")) {
    conditions.push({ ...whole, name: "no sound", sound: false }, { ...whole, name: "no picture", picture: false })
    for (const which of ["picture", "sound", "both"] as const) {
      conditions.push({ ...whole, name: `${which} out of time`, service: yield* make(timeShuffled(model, which), settings) })
    }
  }
  const head = conditions.slice(1).map(({ name }) => ` ${name} |`)
  console.log(`| task | n | right | chance | bound |${head.join("")}\n|---|---|---|---|---|${head.map(() => "---|").join("")}`)
  for (const [name, own] of Map.groupBy(items, ({ kind, task }) => `${kind}: ${task}`)) {
    const figures: Array<string> = []
    for (const condition of own[0].kind === "joint" ? conditions : [whole]) {
      const results: Array<Said> = []
      for (const item of own) {
        const result = yield* ask(folder, item, condition)
        results.push(result)
        if (condition === whole) said[item.id] = result
      }
      figures.push(share(results))
    }
    const rest = conditions.slice(1).map((_, i) => ` ${figures[i + 1] ?? ""} |`)
    console.log(`| ${name} | ${own.length} | ${figures[0]} | ${own[0].chance.toFixed(2)} | ${own[0].bound?.toFixed(2) ?? ""} |${rest.join("")}`)
  }
})
await Effect.runPromise(Effect.scoped(bench).pipe(Effect.provide(services())))

const out = valueOf("--json")
if (out !== undefined) writeFileSync(out, JSON.stringify({ answers: said }, null, 1))
const against = valueOf("--against")
if (against !== undefined) {
  const { answers }: { readonly answers: Readonly<Record<string, Said>> } = JSON.parse(readFileSync(against, "utf8"))
  const both = Object.keys(answers).filter((id) => id in said)
  const equal = both.filter((id) => answers[id].said.join("\n") === said[id].said.join("\n"))
  console.log(`\n${equal.length} of ${both.length} answers equal the published implementation's`)
  for (const id of both) if (!equal.includes(id)) console.log(`${id}: ${answers[id].said.join(" / ")} | here: ${said[id].said.join(" / ")}`)
}
