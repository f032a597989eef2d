import { access } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"

/** Models that may be in the package, best first: a trained one, else the golden checkpoint, whose weights are random. */
const inPackage = [
  { path: "examples/models/sprout/checkpoint", random: false },
  { path: "test/golden/qwen2_5_omni/checkpoint", random: true }
]

/** The package's folder: sources lie in `src`, built files in `dist/src`. */
const root = import.meta.url.endsWith(".ts") ? new URL("../../", import.meta.url) : new URL("../../../", import.meta.url)

const exists = (path: string) =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )

/** Folder of the model that is used when none is named. Says so on standard error where its weights are random. */
export const defaultModelFolder: Effect.Effect<string, CheckpointUnreadable> = Effect.gen(function* () {
  for (const { path, random } of inPackage) {
    const folder = fileURLToPath(new URL(path, root))
    if (!(yield* exists(`${folder}/config.json`)) || !(yield* exists(`${folder}/model.safetensors`))) continue
    if (random)
      yield* Effect.sync(() => process.stderr.write("sensorium: no model was named; the one in the package has random weights, so its answers mean nothing\n"))
    return folder
  }
  return yield* new CheckpointUnreadable({ stage: "load", path: fileURLToPath(root), message: "the package holds no model; name one" })
})
