import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Backend } from "../../src/backend/backend.ts"
import type { Value } from "../../src/backend/backend.ts"
import { liveHandles } from "../../src/backend/live-handles.ts"
import { float32, int32 } from "../../src/tensor/tensor.ts"
import { nothingLive, onBoth } from "./both-backends.ts"
import { externalConstant, model, node, port } from "./tiny-model.ts"

const sumModel = model({
  nodes: [node("Add", ["x", "y"], ["z"])],
  inputs: [port("x", "float32", ["n", 2]), port("y", "float32", ["n", 2])],
  outputs: [port("z", "float32", ["n", 2])]
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sensorium-backend-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** A model that adds two numbers from a file beside it. */
const withWeights = (location: string, offset = 0, length = 8) =>
  model({
    nodes: [node("Add", ["x", "w"], ["y"])],
    constants: [externalConstant("w", "float32", [2], location, offset, length)],
    inputs: [port("x", "float32", [2])],
    outputs: [port("y", "float32", [2])]
  })
const weights = (...values: ReadonlyArray<number>) => new Uint8Array(Float32Array.from(values).buffer)

onBoth("what is refused", (it) => {
  const fine = () => ({ x: float32([3, 2]), y: float32([3, 2]) })
  const cases: ReadonlyArray<readonly [string, Record<string, Value>, Record<string, Value>, ReadonlyArray<string>]> = [
    ["an unknown input", { ...fine(), extra: float32([1]) }, { z: float32([3, 2]) }, ["extra", "x, y"]],
    ["a missing input", { x: float32([3, 2]) }, { z: float32([3, 2]) }, ['input "y" is missing']],
    ["an unknown output", fine(), { w: float32([3, 2]) }, ['no output is named "w"']],
    ["no output", fine(), {}, ["no output"]],
    ["another element type", { ...fine(), y: int32([3, 2], new Int32Array(6)) }, { z: float32([3, 2]) }, ['"y"', "float32", "int32"]],
    ["another rank", { ...fine(), y: float32([6]) }, { z: float32([3, 2]) }, ['"y"', "[n, 2]", "[6]"]],
    ["another fixed side", { ...fine(), y: float32([2, 3]) }, { z: float32([3, 2]) }, ['"y"', "[n, 2]", "[2, 3]"]],
    ["an array that is too short", { ...fine(), y: float32([3, 2], new Float32Array(5)) }, { z: float32([3, 2]) }, ['"y"', "5", "6"]],
    ["an array that is too long", { ...fine(), y: float32([3, 2], new Float32Array(7)) }, { z: float32([3, 2]) }, ['"y"', "7", "6"]],
    ["a negative side", { ...fine(), y: float32([-1, 2], new Float32Array(0)) }, { z: float32([3, 2]) }, ['"y"', "-1"]],
    ["a broken side", { ...fine(), y: float32([1.5, 2], new Float32Array(3)) }, { z: float32([3, 2]) }, ['"y"', "1.5"]],
    ["an output of another shape than the run's", fine(), { z: float32([4, 2]) }, ["z", "4", "3"]],
    ["an output of too many sides", fine(), { z: float32([3, 2, 1]) }, ['"z"', "[3, 2, 1]"]],
    ["inputs that do not go together", { ...fine(), y: float32([2, 2]) }, { z: float32([3, 2]) }, ["Add"]]
  ]
  for (const [what, inputs, outputs, words] of cases) {
    it.effect(`${what}: a failure that names graph and port, and the graph still runs`, () =>
      Effect.gen(function* () {
        const graph = yield* (yield* Backend).load(sumModel, { name: "sum of two", stage: "decode" })
        const failure = yield* Effect.flip(graph.run(inputs, outputs))
        assert.strictEqual(failure._tag, "BackendFailure")
        assert.deepStrictEqual([failure.graph, failure.stage], ["sum of two", "decode"])
        for (const word of ["sum of two", ...words]) assert.include(failure.message, word)
        assert.notInclude(failure.message, "\n")
        const z = float32([1, 2])
        yield* graph.run({ x: float32([1, 2], Float32Array.of(1, 2)), y: float32([1, 2], Float32Array.of(3, 4)) }, { z })
        assert.deepStrictEqual([...z.data], [4, 6])
        assert.strictEqual(liveHandles().values, 0)
      })
    )
  }

  it.effect("an array that was handed to another thread", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(sumModel, { name: "sum" })
      const buffer = new ArrayBuffer(24)
      const x = float32([3, 2], new Float32Array(buffer))
      structuredClone(buffer, { transfer: [buffer] })
      const failure = yield* Effect.flip(graph.run({ x, y: float32([3, 2]) }, { z: float32([3, 2]) }))
      assert.include(failure.message, '"x"')
    })
  )

  it.effect("holding a tensor whose array is not its shape's", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip((yield* Backend).hold(float32([3], new Float32Array(2))))
      assert.strictEqual(failure._tag, "BackendFailure")
      assert.strictEqual(liveHandles().values, 0)
    })
  )

  it.effect("models that are none, and files that are missing", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const path = yield* folder
      mkdirSync(join(path, "folder.onnx"))
      writeFileSync(join(path, "empty.onnx"), "")
      writeFileSync(join(path, "text.onnx"), "this is not a model")
      writeFileSync(join(path, "cut.onnx"), sumModel.subarray(0, sumModel.length - 20))
      writeFileSync(join(path, "no-weights.onnx"), withWeights("nowhere.bin"))
      writeFileSync(join(path, "short.bin"), weights(1))
      writeFileSync(join(path, "short-weights.onnx"), withWeights("short.bin"))
      writeFileSync(join(path, "outside.bin"), weights(1, 2))
      mkdirSync(join(path, "inner"))
      writeFileSync(join(path, "inner", "leaves.onnx"), withWeights("../outside.bin"))
      const broken: ReadonlyArray<string | Uint8Array> = [
        ...["missing.onnx", "folder.onnx", "empty.onnx", "text.onnx", "cut.onnx", "no-weights.onnx", "short-weights.onnx", "inner/leaves.onnx"].map((name) =>
          join(path, name)
        ),
        new Uint8Array(0),
        Uint8Array.of(1, 2, 3),
        sumModel.subarray(0, 30),
        model({ nodes: [node("NoSuchOperator", ["x"], ["y"])], inputs: [port("x", "float32", [1])], outputs: [port("y", "float32", [1])] }),
        model({ nodes: [node("Identity", ["x"], ["y"])], inputs: [port("x", "string", [1])], outputs: [port("y", "string", [1])] })
      ]
      for (const model of broken) {
        const failure = yield* Effect.flip(Effect.scoped(backend.load(model, { name: "broken" })))
        assert.deepStrictEqual([failure._tag, failure.graph, failure.stage], ["BackendFailure", "broken", "load"])
        assert.include(failure.message, "broken")
      }
      assert.deepStrictEqual(liveHandles(), nothingLive)
    })
  )

  it.effect("but not a model whose weights lie beside it, nor a path with a space and an accent", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const inner = join(path, "vidéo et son")
      mkdirSync(inner)
      writeFileSync(join(inner, "weights.bin"), Buffer.concat([new Uint8Array(64), weights(10, 20)]))
      writeFileSync(join(inner, "model.onnx"), withWeights("weights.bin", 64))
      const graph = yield* (yield* Backend).load(join(inner, "model.onnx"), { name: "external" })
      const y = float32([2])
      yield* graph.run({ x: float32([2], Float32Array.of(1, 2)) }, { y })
      assert.deepStrictEqual([...y.data], [11, 22])
    })
  )

  it.effect("a run after the graph's scope has closed, or with a held tensor whose scope has", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graph = yield* Effect.scoped(backend.load(sumModel, { name: "closed" }))
      const late = yield* Effect.flip(graph.run(fine(), { z: float32([3, 2]) }))
      assert.include(late.message, "scope has closed")
      const held = yield* Effect.scoped(backend.hold(float32([3, 2])))
      const open = yield* backend.load(sumModel, { name: "open" })
      const failure = yield* Effect.flip(open.run({ x: held, y: float32([3, 2]) }, { z: float32([3, 2]) }))
      assert.include(failure.message, "held tensor's scope has closed")
    })
  )
})
