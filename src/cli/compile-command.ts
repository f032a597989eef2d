import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ModelCache } from "../cache/model-cache.ts"
import { loading } from "./engine.ts"
import { loadFlags } from "./flags.ts"
import { loadProgress } from "./load-progress.ts"
import { progressLine } from "./progress-line.ts"
import { jsonFlag } from "./root-command.ts"
import { writeLine, writeObject } from "./standard-output.ts"
import { bytes } from "./text-table.ts"

/** `sensorium compile CHECKPOINT` */
export const compileCommand = Command.make(
  "compile",
  {
    checkpoint: Argument.String("CHECKPOINT").pipe(Argument.withDescription("Folder of a Hugging Face checkpoint")),
    strict: Flag.Boolean("strict").pipe(Flag.withDescription("A tensor that nothing reads is an error"), Flag.withDefault(false)),
    ...loadFlags
  },
  ({ cacheDir, checkpoint, dtype, strict }) =>
    Effect.gen(function* () {
      const { json } = yield* jsonFlag
      const { loadModel, services } = yield* loading
      const progress = yield* progressLine
      const options = { model: checkpoint, strict, ...dtype, ...cacheDir, onProgress: loadProgress(progress) }
      yield* Effect.gen(function* () {
        yield* loadModel(options)
        // The one that was used last is the one that the model runs on.
        const [entry] = yield* (yield* ModelCache).list
        progress.clear()
        const report = { checkpoint, dtype: dtype.dtype ?? "fp32", key: entry.key, folder: entry.folder, bytes: entry.bytes }
        yield* json ? writeObject(report) : writeLine(`${checkpoint}: ${report.dtype}, ${bytes(report.bytes)} in ${report.folder}`)
      }).pipe(Effect.scoped, Effect.provide(services(options)))
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Compile a checkpoint into the cache, and see that it loads"))
