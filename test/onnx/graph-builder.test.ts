import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { float, GraphBuilder } from "../../src/onnx/graph-builder.ts"
import { add, fusedMatMul, identity, mul, relu, tensorScatter } from "../../src/onnx/ops.ts"
import { float32, int64 } from "../../src/tensor/tensor.ts"
import { decodeModel } from "./decode-model.ts"
import { noise, runModel, whole } from "./run-graph.ts"

const weight = (name: string, shape: ReadonlyArray<number>, store: "float32" | "float16" = "float32") => ({
  name,
  shape,
  store,
  load: Effect.succeed(new Float32Array(shape.reduce((a, b) => a * b)))
})

describe("a graph", () => {
  it("names its versions, and its inputs and outputs in the order in which they were made", () => {
    const graph = new GraphBuilder("g")
    const [b, a] = [graph.input("b", "float32", ["rows", 2]), graph.input("a", "float32", ["rows", 2])]
    graph.output("z", add(a, b))
    graph.output("y", mul(a, b))
    const model = decodeModel(graph.encode())
    expect(model.irVersion).toBe(11)
    expect(model.opsets).toEqual([
      ["", 24],
      ["com.microsoft", 1]
    ])
    expect([model.inputs, model.outputs]).toEqual([
      ["b", "a"],
      ["z", "y"]
    ])
    expect([[...graph.inputs.keys()], [...graph.outputs.keys()]]).toEqual([
      ["b", "a"],
      ["z", "y"]
    ])
  })

  it("gives a value out where it is made: no node stands between a cache and its output", () => {
    const graph = new GraphBuilder("g")
    const past = graph.input("past", "float32", [1, 1, "cells", 2])
    const present = tensorScatter(past, graph.input("rows", "float32", [1, 1, "rows", 2]), graph.input("at", "int64", [1]), { axis: 2 })
    graph.output("present", present)
    graph.output("twice", mul(present, 2))
    expect(decodeModel(graph.encode()).nodes.map(({ inputs, op, outputs }) => [op, inputs[0], outputs[0]])).toEqual([
      ["TensorScatter", "past", "present"],
      ["Mul", "present", "twice"]
    ])
  })

  it("gives out inputs, constants, and one value under two names", async () => {
    const graph = new GraphBuilder("g")
    const x = graph.input("x", "float32", [2])
    const y = relu(x)
    graph.output("same", x)
    graph.output("known", graph.constant(int64([2], [3, 4])))
    graph.output("one", y)
    graph.output("two", y)
    const answers = await runModel(graph.encode(), { x: float32([2], Float32Array.of(-1, 2)) })
    expect(Object.fromEntries(Object.entries(answers).map(([name, { data }]) => [name, data]))).toEqual({
      same: [-1, 2],
      known: [3, 4],
      one: [0, 2],
      two: [0, 2]
    })
  })

  it("keeps equal small constants once, and tells apart what only looks equal", () => {
    const graph = new GraphBuilder("g")
    const one = graph.constant(float32([], Float32Array.of(1)))
    expect(graph.constant(float32([], Float32Array.of(1)))).toBe(one)
    expect(graph.constant(float32([1], Float32Array.of(1)))).not.toBe(one)
    expect(graph.constant({ dtype: "int32", shape: [], data: new Int32Array(Float32Array.of(1).buffer) })).not.toBe(one)
    expect(graph.constant(float32([], Float32Array.of(-0)))).not.toBe(graph.constant(float32([], Float32Array.of(0))))
  })

  it("keeps a weight once by its name, as halves with one cast behind them", () => {
    const graph = new GraphBuilder("g")
    const x = graph.input("x", "float32", ["rows", 4])
    const first = graph.weight(weight("w", [4, 4], "float16"))
    expect(graph.weight(weight("w", [4, 4], "float16"))).toBe(first)
    expect(first.dtype).toBe("float32")
    graph.output("y", fusedMatMul(fusedMatMul(x, first), first))
    expect(graph.weights.map(({ dtype, name, shape }) => [name, dtype, shape])).toEqual([["w", "float16", [4, 4]]])
    const model = decodeModel(graph.encode({ location: "weights.bin", offsetOf: () => 8192 }))
    expect(model.nodes.map(({ domain, op }) => domain + op)).toEqual(["Cast", "com.microsoftFusedMatMul", "com.microsoftFusedMatMul"])
    expect(model.initializers).toEqual([
      { name: "/weight/w", type: 10, dims: [4, 4], location: 1, external: { location: "weights.bin", offset: "8192", length: "32" } }
    ])
  })

  it("keeps a large constant with the weights", () => {
    const graph = new GraphBuilder("g")
    graph.output("y", identity(graph.constant(noise([128, 129], 1))))
    expect(graph.weights.map(({ dtype, name, shape }) => [name, dtype, shape])).toEqual([["g/constant/0", "float32", [128, 129]]])
  })

  it("takes any operator, and any attribute", async () => {
    const graph = new GraphBuilder("g")
    const x = graph.input("x", "float32", ["rows", 2])
    const [leaky] = graph.node("LeakyRelu", [x], { alpha: float(2), left_out: undefined }, { outputs: [x] })
    const [parts] = graph.node(
      "ScatterElements",
      [leaky, graph.constant(int64([1, 1], [1])), graph.constant(float32([1, 1], Float32Array.of(9)))],
      { axis: 1, reduction: "none" },
      { outputs: [x] }
    )
    graph.output("y", parts)
    expect((await runModel(graph.encode(), { x: float32([1, 2], Float32Array.of(-1, 1)) })).y.data).toEqual([-2, 9])
  })

  it("writes numbers beyond 32 bits, and negative ones", async () => {
    const graph = new GraphBuilder("g")
    const x = graph.input("x", "int64", [1])
    const [far] = graph.node("Mod", [x, graph.constant(int64([1], [2 ** 40]))], { fmod: 0 }, { outputs: [x] })
    const [cut] = graph.node("Concat", [far, x], { axis: -1 }, { outputs: [{ dtype: "int64", shape: [2] }] })
    graph.output("y", cut)
    expect((await runModel(graph.encode(), { x: whole([1], 2 ** 40 + 5) })).y.data).toEqual([5, 2 ** 40 + 5])
  })
})

describe("mistakes are told at once", () => {
  it("a name twice", () => {
    const graph = new GraphBuilder("g")
    const x = graph.input("x", "float32", [1])
    expect(() => graph.input("x", "float32", [1])).toThrow("input x of graph g: the name is taken")
    graph.output("y", relu(x))
    expect(() => graph.output("y", x)).toThrow("output y of graph g: the name is taken")
    expect(() => graph.output("x", relu(x))).toThrow("output x of graph g: the name is taken")
  })

  it("a value of another graph", () => {
    const [one, other] = [new GraphBuilder("one"), new GraphBuilder("other")]
    const [x, y] = [one.input("x", "float32", [1]), other.input("y", "float32", [1])]
    expect(() => add(x, y)).toThrow("Add of graph one: y belongs to graph other")
    expect(() => one.output("z", y)).toThrow("output of graph one: y belongs to graph other")
  })

  it("a weight of one name in two shapes or types; a constant that does not fill its shape; weights without a file", () => {
    const graph = new GraphBuilder("g")
    graph.weight(weight("w", [2, 3]))
    expect(() => graph.weight(weight("w", [3, 2]))).toThrow("weight w of graph g: float32 [3, 2], before float32 [2, 3]")
    expect(() => graph.weight(weight("w", [2, 3], "float16"))).toThrow("weight w of graph g: float16 [2, 3], before float32 [2, 3]")
    expect(() => graph.constant(float32([2], new Float32Array(3)))).toThrow("constant of graph g: shape [2] holds 3 elements")
    expect(() => graph.encode()).toThrow("graph g has weights, and no file to find them in")
  })
})
