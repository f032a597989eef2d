// A program that uses a worker, never closes it, and must end by itself (workers.test.ts runs it).
import { Effect, Layer, Scope } from "effect"
import { workerTask } from "../../src/worker/worker-task.ts"
import { Workers } from "../../src/worker/workers.ts"

const sum = workerTask<typeof import("./probe.worker.ts")>()("./probe.worker.ts", import.meta.url, "sum")
const program = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(Workers.layer({ size: 1 }), scope)
  const value = yield* Effect.flatMap(Workers, (workers) => workers.call(sum, [new Float32Array([1, 2, 3])])).pipe(Effect.provideContext(context))
  process.stdout.write(`${value}\n`)
})
await Effect.runPromise(program)
