// Started by model-cache.test.ts as a process of its own: asks for one entry of the cache in argv[2], says "build" when it builds it and
// "ready" when it has it, and holds it until its standard input ends. With argv[4] "stuck" its build never ends.
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { ModelCache } from "../../src/cache/model-cache.ts"

const [, , folder, key, mode] = process.argv

// Keeps the process alive.
process.stdin.resume()

const ended = Effect.callback<void>((resume) => {
  process.stdin.on("end", () => resume(Effect.void))
})

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const cache = yield* ModelCache
      yield* cache.entry(key, (temporary) =>
        Effect.promise(() => writeFile(join(temporary, "weights.bin"), "w".repeat(1000))).pipe(
          Effect.tap(Effect.sync(() => process.stdout.write("build\n"))),
          Effect.andThen(mode === "stuck" ? Effect.never : Effect.sleep("300 millis"))
        )
      )
      process.stdout.write("ready\n")
      yield* ended
    })
  ).pipe(Effect.provide(ModelCache.layer({ folder })))
)
