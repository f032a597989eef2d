import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import sharp from "sharp"
import { goldenFolders } from "../conformance/golden-folders.ts"
import { image } from "../../src/face/media-values.ts"
import { loadModel, services } from "../../src/face/load-model.ts"
import { plan as planPrompt } from "../../src/session/ask.ts"
import { openPrompt } from "../../src/session/open-prompt.ts"

/** A line a family: compile seconds and encode milliseconds on its tiny golden checkpoint, and the rows of a 1920 x 1080 picture there. */
export const benchFamilies = async (folder: string): Promise<void> => {
  const families = readdirSync(join(import.meta.dirname, "../../src/models"))
  const picture = join(folder, "picture.png")
  await sharp({ create: { width: 1920, height: 1080, channels: 3, noise: { type: "gaussian", mean: 128, sigma: 40 }, background: "white" } })
    .png()
    .toFile(picture)
  console.log(`${"golden folder".padEnd(34)} ${"compile".padStart(9)} ${"rows of 1920 x 1080".padStart(20)} ${"encode".padStart(10)}`)
  for (const { family, folder: golden, name } of goldenFolders) {
    if (!families.includes(family)) continue
    const options = { model: join(golden, "checkpoint"), cacheDir: join(folder, "cache-families") }
    const line = await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const started = performance.now()
          const model = yield* loadModel(options)
          const compile = performance.now() - started
          if (!model.modalities.includes("image")) return { compile, rows: "-", encode: "-" }
          const prompt = yield* openPrompt([{ role: "user", content: [image(picture), "What is it?"] }])
          const { plan } = yield* planPrompt(model, prompt)
          const before = performance.now()
          for (const { encode } of plan.media) yield* Stream.runDrain(encode)
          return { compile, rows: String(plan.media.reduce((sum, one) => sum + one.plan.rows, 0)), encode: `${(performance.now() - before).toFixed(0)} ms` }
        })
      ).pipe(Effect.provide(services(options)))
    )
    console.log(`${name.padEnd(34)} ${`${(line.compile / 1000).toFixed(2)} s`.padStart(9)} ${line.rows.padStart(20)} ${line.encode.padStart(10)}`)
  }
}
