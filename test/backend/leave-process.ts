// A program of its own: leaves the process in one of several ways while native code is running. Run by leaving.test.ts.
import { Effect } from "effect"
import { writeSync } from "node:fs"
import { Backend } from "../../src/backend/backend.ts"
import { layer } from "../../src/backend/layer.ts"
import { float32 } from "../../src/tensor/tensor.ts"
import { slowModel } from "./tiny-model.ts"

const way = process.argv[2]
const say = (text: string) => writeSync(1, `${text}\n`)

const program = Effect.gen(function* () {
  const backend = yield* Backend
  const side = 512
  const load = (nodes: number) => backend.load(slowModel(side, nodes), { name: "slow", threads: 2 })
  const graph = yield* load(4)
  const run = (which: typeof graph) => which.run({ x: float32([side, side]) }, { y: float32([side, side]) })
  yield* run(graph)
  say("ready")
  if (way === "end-open") {
    // The scope is never closed, and nothing runs.
    say("left")
    return yield* Effect.sync(() => process.exit(7))
  }
  if (way === "exit-in-load") {
    yield* Effect.forkChild(load(15_000))
  } else {
    const slow = yield* load(backend.capabilities.cancel ? 4_000 : 40)
    for (let i = 0; i < 5; i++) yield* Effect.forkChild(run(slow))
  }
  yield* Effect.sleep("100 millis")
  say("left")
  if (way === "throw")
    setImmediate(() => {
      throw new Error("thrown while native code runs")
    })
  else if (way === "kill") process.kill(process.pid, "SIGTERM")
  else process.exit(7)
  yield* Effect.never
})

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(layer)))
