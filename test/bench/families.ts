import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { goldenFolders, type GoldenPlace } from "../conformance/golden-folders.ts"
import { image } from "../../src/face/media-values.ts"
import { loadModel, services } from "../../src/face/load-model.ts"
import { plan as planPrompt } from "../../src/session/ask.ts"
import { openPrompt } from "../../src/session/open-prompt.ts"
import { publishedRows, publishedSizeOf, widePicture } from "./published-sizes.ts"

/** Of the tiny golden checkpoint, in milliseconds: compiling it, and encoding a picture where it takes one. */
const timed = ({ folder: golden }: GoldenPlace, picture: string, cacheDir: string) => {
  const options = { model: join(golden, "checkpoint"), cacheDir }
  return Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const started = performance.now()
        const model = yield* loadModel(options)
        const compile = performance.now() - started
        if (!model.modalities.includes("image")) return { compile, encode: undefined }
        const prompt = yield* openPrompt([{ role: "user", content: [image(picture), "What is it?"] }])
        const { plan } = yield* planPrompt(model, prompt)
        const before = performance.now()
        for (const { encode } of plan.media) yield* Stream.runDrain(encode)
        return { compile, encode: performance.now() - before }
      })
    ).pipe(Effect.provide(services(options)))
  )
}

/**
 * A line a family: compile seconds and encode milliseconds on its tiny golden checkpoint, and the rows of a 1920 x 1080 picture at the sizes of the published checkpoint
 * that is named, planned without its weights.
 */
export const benchFamilies = async (folder: string): Promise<void> => {
  const families = readdirSync(join(import.meta.dirname, "../../src/models"))
  const picture = await widePicture(folder)
  const say = (name: string, compile: string, encode: string, rows: string) =>
    console.log(`${name.padEnd(20)} ${compile.padStart(9)} ${encode.padStart(9)}  ${rows}`.trimEnd())
  console.log("a picture of 1920 x 1080; compile and encode: the tiny golden checkpoint; rows: planned at published sizes")
  say("golden folder", "compile", "encode", "rows")
  for (const place of goldenFolders) {
    if (!families.includes(place.family)) continue
    const { compile, encode } = await timed(place, picture, join(folder, "cache-families"))
    const size = publishedSizeOf(place)
    const planned = size === undefined ? undefined : await publishedRows(place, picture, join(folder, "published"))
    say(
      place.name,
      `${(compile / 1000).toFixed(2)} s`,
      encode === undefined ? "-" : `${encode.toFixed(0)} ms`,
      planned === undefined ? "-" : `${String(planned.rows).padStart(5)}${planned.form === "memory" ? " of memory" : ""}, ${size?.card}`
    )
  }
}
