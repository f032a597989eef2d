import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Backend } from "../../src/backend/backend.ts"
import { float32, int32, int64 } from "../../src/tensor/tensor.ts"
import type { DType, Tensor } from "../../src/tensor/tensor.ts"
import { onBoth } from "./both-backends.ts"
import { constant, integer, model, node, port } from "./tiny-model.ts"

/** A model of one operator. */
const single = (
  op: string,
  inputs: ReadonlyArray<readonly [string, DType, ReadonlyArray<number | string>]>,
  output: readonly [string, DType, ReadonlyArray<number | string>],
  attributes: Parameters<typeof node>[3] = []
) =>
  model({
    nodes: [
      node(
        op,
        inputs.map(([name]) => name),
        [output[0]],
        attributes
      )
    ],
    inputs: inputs.map((each) => port(...each)),
    outputs: [port(...output)]
  })

const addModel = (dtype: DType) =>
  single(
    "Add",
    [
      ["x", dtype, ["n"]],
      ["y", dtype, ["n"]]
    ],
    ["z", dtype, ["n"]]
  )

onBoth("numbers", (it) => {
  it.effect("adds in every element type that has an addition", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const cases: ReadonlyArray<readonly [Tensor, Tensor, Tensor, ReadonlyArray<unknown>]> = [
        [float32([2], Float32Array.of(1.5, -2)), float32([2], Float32Array.of(0.25, 7)), float32([2]), [1.75, 5]],
        [
          { dtype: "float64", shape: [2], data: Float64Array.of(0.1, 1e300) },
          { dtype: "float64", shape: [2], data: Float64Array.of(0.2, 1e300) },
          { dtype: "float64", shape: [2], data: new Float64Array(2) },
          [0.1 + 0.2, 2e300]
        ],
        [int64([2], [2 ** 40, -3]), int64([2], [1, 1]), int64([2], [0, 0]), [2n ** 40n + 1n, -2n]],
        [int32([2], Int32Array.of(5, -6)), int32([2], Int32Array.of(1, 1)), int32([2], new Int32Array(2)), [6, -5]],
        // 1.5 + 0.25 = 1.75 and 65504 + 65504 = infinity, as bit patterns of half floats.
        [
          { dtype: "float16", shape: [2], data: Uint16Array.of(0x3e00, 0x7bff) },
          { dtype: "float16", shape: [2], data: Uint16Array.of(0x3400, 0x7bff) },
          { dtype: "float16", shape: [2], data: new Uint16Array(2) },
          [0x3f00, 0x7c00]
        ],
        [
          { dtype: "int8", shape: [2], data: Int8Array.of(100, -1) },
          { dtype: "int8", shape: [2], data: Int8Array.of(-30, -1) },
          { dtype: "int8", shape: [2], data: new Int8Array(2) },
          [70, -2]
        ],
        [
          { dtype: "uint8", shape: [2], data: Uint8Array.of(200, 1) },
          { dtype: "uint8", shape: [2], data: Uint8Array.of(50, 1) },
          { dtype: "uint8", shape: [2], data: new Uint8Array(2) },
          [250, 2]
        ]
      ]
      for (const [x, y, z, expected] of cases) {
        const graph = yield* backend.load(addModel(x.dtype), { name: x.dtype })
        yield* graph.run({ x, y }, { z })
        assert.deepStrictEqual([...z.data], expected, x.dtype)
      }
    })
  )

  it.effect("reads and writes truth values", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(single("Not", [["x", "bool", ["n"]]], ["y", "bool", ["n"]]), { name: "not" })
      const y: Tensor = { dtype: "bool", shape: [3], data: new Uint8Array(3) }
      yield* graph.run({ x: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) } }, { y })
      assert.deepStrictEqual([...y.data], [0, 1, 0])
    })
  )

  it.effect("converts between half and single floats", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(single("Cast", [["x", "float32", ["n"]]], ["y", "float16", ["n"]], [integer("to", 10)]), { name: "cast" })
      const y: Tensor = { dtype: "float16", shape: [4], data: new Uint16Array(4) }
      yield* graph.run({ x: float32([4], Float32Array.of(1, -2, 0.5, 65520)) }, { y })
      assert.deepStrictEqual([...y.data], [0x3c00, 0xc000, 0x3800, 0x7c00])
    })
  )

  it.effect("takes scalars, and shapes with no element", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const scalar = yield* backend.load(
        single(
          "Mul",
          [
            ["x", "float32", []],
            ["y", "float32", []]
          ],
          ["z", "float32", []]
        ),
        { name: "scalar" }
      )
      assert.deepStrictEqual(scalar.inputs[0], { name: "x", dtype: "float32", shape: [] })
      const z = float32([])
      yield* scalar.run({ x: float32([], Float32Array.of(6)), y: float32([], Float32Array.of(7)) }, { z })
      assert.deepStrictEqual([...z.data], [42])

      const joined = yield* backend.load(
        single(
          "Concat",
          [
            ["x", "float32", ["n", 3]],
            ["y", "float32", ["m", 3]]
          ],
          ["z", "float32", ["k", 3]],
          [integer("axis", 0)]
        ),
        { name: "concat" }
      )
      const empty = float32([0, 3]),
        one = float32([1, 3], Float32Array.of(1, 2, 3)),
        out = float32([1, 3]),
        none = float32([0, 3])
      yield* joined.run({ x: empty, y: one }, { z: out })
      assert.deepStrictEqual([...out.data], [1, 2, 3])
      yield* joined.run({ x: empty, y: empty }, { z: none })
      assert.strictEqual(none.data.length, 0)
    })
  )

  it.effect("reads tensors that are windows of a larger array", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(addModel("float32"), { name: "add" })
      const memory = Float32Array.from({ length: 12 }, (_, i) => i)
      yield* graph.run({ x: float32([3], memory.subarray(1, 4)), y: float32([3], memory.subarray(4, 7)) }, { z: float32([3], memory.subarray(8, 11)) })
      assert.deepStrictEqual([...memory], [0, 1, 2, 3, 4, 5, 6, 7, 5, 7, 9, 11])
    })
  )

  it.effect("tells names, types and shapes of its ports", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(
        model({
          nodes: [node("Cast", ["größe"], ["y"], [integer("to", 6)]), node("Not", ["mask"], ["unmasked"])],
          inputs: [port("größe", "float16", [1, "rows", 8]), port("mask", "bool", ["rows", ""])],
          outputs: [port("y", "int32", [1, "rows", 8]), port("unmasked", "bool", ["rows", ""])]
        }),
        { name: "ports" }
      )
      assert.strictEqual(graph.name, "ports")
      assert.deepStrictEqual(graph.inputs, [
        { name: "größe", dtype: "float16", shape: [1, "rows", 8] },
        { name: "mask", dtype: "bool", shape: ["rows", ""] }
      ])
      assert.deepStrictEqual(graph.outputs, [
        { name: "y", dtype: "int32", shape: [1, "rows", 8] },
        { name: "unmasked", dtype: "bool", shape: ["rows", ""] }
      ])
      const y = int32([1, 1, 8], new Int32Array(8)),
        unmasked: Tensor = { dtype: "bool", shape: [1, 1], data: new Uint8Array(1) }
      yield* graph.run(
        {
          größe: { dtype: "float16", shape: [1, 1, 8], data: new Uint16Array(8).fill(0x4000) },
          mask: { dtype: "bool", shape: [1, 1], data: Uint8Array.of(0) }
        },
        { y, unmasked }
      )
      assert.deepStrictEqual([[...y.data], [...unmasked.data]], [Array.from({ length: 8 }, () => 2), [1]])
    })
  )

  it.effect("fills only the outputs that are asked for, in any order", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(
        model({
          nodes: [node("Add", ["x", "x"], ["twice"]), node("Mul", ["x", "x"], ["square"]), node("Neg", ["x"], ["negative"])],
          inputs: [port("x", "float32", ["n"])],
          outputs: ["twice", "square", "negative"].map((name) => port(name, "float32", ["n"]))
        }),
        { name: "three" }
      )
      const x = float32([2], Float32Array.of(3, 4)),
        twice = float32([2]),
        square = float32([2]),
        negative = float32([2])
      yield* graph.run({ x }, { square })
      assert.deepStrictEqual(
        [[...square.data], [...twice.data]],
        [
          [9, 16],
          [0, 0]
        ]
      )
      yield* graph.run({ x }, { negative, twice })
      assert.deepStrictEqual(
        [[...negative.data], [...twice.data]],
        [
          [-3, -4],
          [6, 8]
        ]
      )
    })
  )

  it.effect("lets NaN and infinity through", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(addModel("float32"), { name: "add" })
      const z = float32([3])
      yield* graph.run({ x: float32([3], Float32Array.of(NaN, Infinity, Infinity)), y: float32([3], Float32Array.of(1, 1, -Infinity)) }, { z })
      assert.deepStrictEqual([...z.data], [NaN, Infinity, NaN])
    })
  )

  it.effect("updates a cache that is both input and output, held or not", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      // Two keys a head are written at cell `at` of [batch, heads, cells, width].
      const graph = yield* backend.load(
        model({
          nodes: [node("TensorScatter", ["past", "row", "at"], ["present"], [integer("axis", 2)])],
          inputs: [port("past", "float32", [1, 2, "cells", 2]), port("row", "float32", [1, 2, "rows", 2]), port("at", "int64", [1])],
          outputs: [port("present", "float32", [1, 2, "cells", 2])]
        }),
        { name: "scatter" }
      )
      for (const held of [true, false]) {
        const tensor = float32([1, 2, 4, 2])
        const cache = held ? yield* backend.hold(tensor) : tensor
        for (const at of [0, 1, 3]) {
          yield* graph.run(
            { past: cache, row: float32([1, 2, 1, 2], Float32Array.of(at + 1, at + 1, -at - 1, -at - 1)), at: int64([1], [at]) },
            { present: cache }
          )
        }
        assert.deepStrictEqual([...tensor.data], [1, 1, 2, 2, 0, 0, 4, 4, -1, -1, -2, -2, 0, 0, -4, -4])
      }
    })
  )

  it.effect("fills an output whose graph hands an input or a constant straight through", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(
        model({
          nodes: [node("Identity", ["x"], ["same"]), node("Identity", ["c"], ["fixed"]), node("Reshape", ["x", "flat"], ["row"])],
          constants: [
            constant("c", "float32", [2], new Uint8Array(Float32Array.of(5, 6).buffer)),
            constant("flat", "int64", [1], new Uint8Array(BigInt64Array.of(-1n).buffer))
          ],
          inputs: [port("x", "float32", [2, "n"])],
          outputs: [port("same", "float32", [2, "n"]), port("fixed", "float32", [2]), port("row", "float32", ["m"])]
        }),
        { name: "through" }
      )
      const x = float32([2, 2], Float32Array.of(1, 2, 3, 4)),
        same = float32([2, 2]),
        fixed = float32([2]),
        row = float32([4])
      yield* graph.run({ x }, { same, fixed, row })
      assert.deepStrictEqual(
        [[...same.data], [...fixed.data], [...row.data]],
        [
          [1, 2, 3, 4],
          [5, 6],
          [1, 2, 3, 4]
        ]
      )
    })
  )

  it.effect("runs many at once, each with its own numbers", () =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const graphs = yield* Effect.all([backend.load(addModel("float32"), { name: "a" }), backend.load(addModel("float32"), { name: "b", threads: 1 })])
      const sums = yield* Effect.forEach(
        Array.from({ length: 60 }, (_, i) => i),
        (i) =>
          Effect.gen(function* () {
            const z = float32([50])
            yield* graphs[i % 2].run({ x: float32([50], new Float32Array(50).fill(i)), y: float32([50], new Float32Array(50).fill(1000)) }, { z })
            return z.data.every((value) => value === 1000 + i)
          }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(sums.filter((right) => !right).length, 0)
    })
  )

  it.effect("multiplies matrices of random shapes exactly, where the numbers are small and whole", () =>
    Effect.gen(function* () {
      const graph = yield* (yield* Backend).load(
        single(
          "MatMul",
          [
            ["a", "float32", ["m", "k"]],
            ["b", "float32", ["k", "n"]]
          ],
          ["c", "float32", ["m", "n"]]
        ),
        { name: "product" }
      )
      const side = (seed: number, step: number) => (seed * step) % 9
      for (let seed = 0; seed < 200; seed++) {
        const [m, k, n] = [side(seed, 7) + 1, side(seed, 5) + 1, side(seed, 11)]
        const a = Float32Array.from({ length: m * k }, (_, i) => ((seed + i * 31) % 17) - 8),
          b = Float32Array.from({ length: k * n }, (_, i) => ((seed + i * 13) % 19) - 9)
        const c = float32([m, n])
        yield* graph.run({ a: float32([m, k], a), b: float32([k, n], b) }, { c })
        const expected = Array.from({ length: m * n }, (_, at) => {
          let sum = 0
          for (let i = 0; i < k; i++) sum += a[Math.floor(at / n) * k + i] * b[i * n + (at % n)]
          return sum
        })
        assert.deepStrictEqual([...c.data], expected)
      }
    })
  )
})
