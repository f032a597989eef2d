import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Backend } from "../../src/backend/backend.ts"
import { liveHandles } from "../../src/backend/live-handles.ts"
import { float32, int64 } from "../../src/tensor/tensor.ts"
import { nothingLive, onBoth } from "./both-backends.ts"
import { integer, model, node, port, slowModel } from "./tiny-model.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const side = 256
const square = () => float32([side, side])
/** Long enough to be caught running, short enough to wait for where it cannot be stopped. */
const someNodes = 300

/** Starts an effect in this very turn, so that native code has its call (or the call its turn) when this returns. */
const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

onBoth("ownership", (it, which) => {
  it.effect("closing a graph waits for its running calls, which end well", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const scope = yield* Scope.make()
      const graph = yield* Scope.provide(backend.load(slowModel(side, someNodes), { name: "slow" }), scope)
      const x = float32([side, side], new Float32Array(side * side).fill(1 / side)),
        y = square()
      const running = yield* start(graph.run({ x }, { y }))
      assert.isAbove(liveHandles().calls, 0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(liveHandles(), nothingLive)
      yield* Fiber.join(running)
      assert.isTrue(y.data.every((value) => Math.abs(Number(value) * side - 1) < 1e-3))
    })
  )

  it.effect("releasing a held tensor waits for the calls that use it", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graph = yield* backend.load(slowModel(side, someNodes), { name: "slow" })
      const scope = yield* Scope.make()
      const x = yield* Scope.provide(backend.hold(square()), scope)
      const running = yield* start(graph.run({ x }, { y: square() }))
      assert.isAbove(liveHandles().calls, 0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
      yield* Fiber.join(running)
    })
  )

  it.effect("an interrupted run leaves nothing native behind, and the graph runs again", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graph = yield* backend.load(slowModel(side, someNodes), { name: "slow" })
      for (let i = 0; i < 5; i++) {
        const running = yield* start(graph.run({ x: square() }, { y: square() }))
        assert.isAbove(liveHandles().calls, 0)
        yield* Fiber.interrupt(running)
        assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
      }
      yield* graph.run({ x: square() }, { y: square() })
    })
  )

  it.effect("an interrupted wait for a turn takes no turn", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graph = yield* backend.load(slowModel(side, someNodes), { name: "slow" })
      const running = yield* Effect.all(Array.from({ length: 8 }, () => start(graph.run({ x: square() }, { y: square() }))))
      // One of the four threads of Node's pool stays free.
      assert.strictEqual(liveHandles().calls, which === "c" ? 3 : 1)
      yield* Effect.all(
        running.map((each) => Fiber.interrupt(each)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
      // Every turn can still be taken.
      yield* Effect.all(
        Array.from({ length: 4 }, () => graph.run({ x: square() }, { y: square() })),
        { concurrency: "unbounded" }
      )
    })
  )

  it.effect("an interrupted load leaves nothing open", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const bytes = slowModel(4, 8_000)
      for (const wait of [0, 1, 5, 20]) {
        const scope = yield* Scope.make()
        const loading = yield* start(Scope.provide(backend.load(bytes, { name: "long" }), scope))
        yield* Effect.sleep(`${wait} millis`)
        yield* Fiber.interrupt(loading)
        assert.strictEqual(liveHandles().calls, 0)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(liveHandles(), nothingLive)
      }
    })
  )

  it.effect("a run that fails while others run frees only its own", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graph = yield* backend.load(
        model({
          nodes: [node("Add", ["x", "y"], ["z"])],
          inputs: [port("x", "float32", ["n"]), port("y", "float32", ["m"])],
          outputs: [port("z", "float32", ["k"])]
        }),
        { name: "add" }
      )
      const exits = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        (i) => Effect.exit(graph.run({ x: float32([4]), y: float32([i % 2 === 0 ? 4 : 3]) }, { z: float32([4]) })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        exits.map(Exit.isSuccess),
        exits.map((_, i) => i % 2 === 0)
      )
      assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
    })
  )

  it.effect(
    "10,000 runs with a collection at every twentieth give the right numbers, and leave nothing",
    () =>
      Effect.gen(function* () {
        const backend = yield* Backend
        yield* Effect.scoped(
          Effect.gen(function* () {
            const cells = 8
            const graph = yield* backend.load(
              model({
                nodes: [node("TensorScatter", ["past", "row", "at"], ["present"], [integer("axis", 1)]), node("Add", ["row", "row"], ["twice"])],
                inputs: [port("past", "float32", [1, "cells", 16]), port("row", "float32", [1, 1, 16]), port("at", "int64", [1])],
                outputs: [port("present", "float32", [1, "cells", 16]), port("twice", "float32", [1, 1, 16])]
              }),
              { name: "step", threads: 1 }
            )
            const memory = float32([1, cells, 16])
            const cache = yield* backend.hold(memory)
            let wrong = 0
            const step = (i: number) =>
              Effect.suspend(() => {
                // Fresh arrays each time, that nothing but the run refers to.
                const twice = float32([1, 1, 16])
                return Effect.map(
                  graph.run({ past: cache, row: float32([1, 1, 16], new Float32Array(16).fill(i)), at: int64([1], [i % cells]) }, { present: cache, twice }),
                  () => {
                    if (!twice.data.every((value) => value === 2 * i) || memory.data[(i % cells) * 16 + 15] !== i) wrong++
                  }
                )
              })
            for (let i = 0; i < 10_000; i++) {
              if (i % 20 !== 0) {
                yield* step(i)
                continue
              }
              // The collection comes while native code may be at the call.
              const running = yield* start(step(i))
              collect()
              yield* Fiber.join(running)
            }
            assert.strictEqual(wrong, 0)
          })
        )
        assert.deepStrictEqual(liveHandles(), nothingLive)
      }),
    180_000
  )

  it.effect("counts what is open, exactly", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      yield* Effect.scoped(
        Effect.gen(function* () {
          const graphs = yield* Effect.forEach([1, 2, 3], () => backend.load(slowModel(4, 2), { name: "small" }))
          yield* backend.hold(float32([4, 4]))
          yield* backend.hold(float32([]))
          yield* Effect.forEach(graphs, (graph) => graph.run({ x: float32([4, 4]) }, { y: float32([4, 4]) }))
          const native = which === "c"
          assert.deepStrictEqual(liveHandles(), { ...nothingLive, sessions: 3, runOptions: native ? 3 : 0, values: native ? 2 : 0 })
        })
      )
      assert.deepStrictEqual(liveHandles(), nothingLive)
    })
  )

  it.effect("where it says so: a run is stopped long before its end, from every state, and the event loop goes on", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      if (!backend.capabilities.cancel) {
        assert.deepStrictEqual(backend.capabilities, { quiet: false, cancel: false, inPlace: false })
        return
      }
      // Minutes of work: a run that could not be stopped would fail this test by its time.
      const graph = yield* backend.load(slowModel(1024, 6_000), { name: "minutes" })
      const big = () => float32([1024, 1024])
      let turns = 0
      const counting = setInterval(() => turns++, 1)
      const running = yield* Effect.all(Array.from({ length: 5 }, () => start(graph.run({ x: big() }, { y: big() }))))
      assert.isAbove(liveHandles().calls, 0)
      while (turns < 20) yield* Effect.sleep("1 millis")
      assert.isAbove(liveHandles().calls, 0)
      clearInterval(counting)
      yield* Effect.all(
        running.map((each) => Fiber.interrupt(each)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
      // Interrupted in the same turn in which it starts.
      const started = yield* Deferred.make<void>()
      const at = yield* Effect.forkChild(Effect.andThen(Deferred.succeed(started, undefined), graph.run({ x: big() }, { y: big() })))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(at)
      assert.deepStrictEqual([liveHandles().calls, liveHandles().values], [0, 0])
    })
  )
})
