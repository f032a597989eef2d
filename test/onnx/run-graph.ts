import { runInNewContext } from "node:vm"
import { expect } from "@effect/vitest"
import * as ort from "onnxruntime-node"
import { GraphBuilder, type Value } from "../../src/onnx/graph-builder.ts"
import { float32, int64, sizeOf, type Tensor } from "../../src/tensor/tensor.ts"

const OPTIONS: ort.InferenceSession.SessionOptions = { logSeverityLevel: 3, intraOpNumThreads: 1 }

/** What ONNX Runtime gives for one output. */
export interface Answer {
  readonly type: string
  readonly dims: ReadonlyArray<number>
  readonly data: ReadonlyArray<number>
}

/** Loads a model (bytes, or the path of a file) and runs it once. */
export const runModel = async (model: Uint8Array | string, inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Answer>>> => {
  const session = await (typeof model === "string" ? ort.InferenceSession.create(model, OPTIONS) : ort.InferenceSession.create(model, OPTIONS))
  try {
    const feeds = Object.entries(inputs).map(([name, { data, dtype, shape }]) => {
      if (dtype === "float16" || dtype === "bfloat16") throw new Error("graphs take no halves")
      return [name, new ort.Tensor(dtype, data, [...shape])] as const
    })
    const outputs = await session.run(Object.fromEntries(feeds))
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data, dims, type }]) => [
        name,
        { type, dims: [...dims], data: Array.from<number | bigint | string>(data).map(Number) }
      ])
    )
  } finally {
    await session.release()
  }
}

/** Evaluates a symbolic side for the sides that symbols have; undefined for one that only the run knows. */
export const evaluate = (side: number | string, symbols: Readonly<Record<string, number>>): number | undefined => {
  if (typeof side === "number") return side
  if (/\?|slice/.test(side)) return undefined
  const result: unknown = runInNewContext(side, { ...symbols, floor: (a: number, b: number) => Math.floor(a / b) })
  return Number(result)
}

/**
 * Builds a graph of what `build` returns, runs it on the inputs, and checks that every shape and type that was inferred is the one that came out. Symbolic
 * sides are given by `shapes`, and get their numbers from the inputs.
 */
export const run = async (
  inputs: Readonly<Record<string, Tensor>>,
  build: (values: Readonly<Record<string, Value>>, graph: GraphBuilder) => Value | ReadonlyArray<Value>,
  shapes: Readonly<Record<string, ReadonlyArray<number | string>>> = {}
): Promise<ReadonlyArray<Answer>> => {
  const graph = new GraphBuilder("test")
  const symbols: Record<string, number> = {}
  const values: Record<string, Value> = {}
  for (const [name, { dtype, shape }] of Object.entries(inputs)) {
    values[name] = graph.input(name, dtype, shapes[name] ?? shape)
    shapes[name]?.forEach((side, i) => {
      if (typeof side === "string") symbols[side] = shape[i]
    })
  }
  const built = build(values, graph)
  const results = "graph" in built ? [built] : built
  results.forEach((value, i) => graph.output(`out${i}`, value))
  const answers = await runModel(graph.encode(), inputs)
  return results.map(({ dtype, shape }, i) => {
    const answer = answers[`out${i}`]
    expect(answer.type).toBe(dtype)
    expect(answer.dims).toEqual(shape.map((side, at) => evaluate(side, symbols) ?? answer.dims[at]))
    return answer
  })
}

/** The elements of both agree within `tolerance`, absolute and relative. */
export const expectClose = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void => {
  expect(found.length).toBe(expected.length)
  let [worst, at] = [0, -1]
  for (let i = 0; i < expected.length; i++) {
    const apart = Object.is(found[i], expected[i]) || found[i] === expected[i] ? 0 : Math.abs(found[i] - expected[i]) / Math.max(1, Math.abs(expected[i]))
    if (!(apart <= worst)) [worst, at] = [apart, i]
  }
  expect(worst, `element ${at}: ${found[at]}, expected ${expected[at]}`).toBeLessThanOrEqual(tolerance)
}

/** Numbers that look random and are the same on every run: `low` to `high`. */
export const noise = (shape: ReadonlyArray<number>, seed: number, low = -2, high = 2): Tensor & { readonly dtype: "float32" } => {
  let state = (seed * 2654435761) >>> 0
  const data = new Float32Array(sizeOf(shape)).map(() => {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return low + ((state >>> 0) / 2 ** 32) * (high - low)
  })
  const tensor = float32(shape, data)
  if (tensor.dtype !== "float32") throw new Error("float32 makes float32")
  return tensor
}

/** Whole numbers as an int64 tensor. */
export const whole = (shape: ReadonlyArray<number>, ...values: ReadonlyArray<number>): Tensor => int64(shape, values)

/** All indices of a shape, last axis fastest. */
export const indices = (shape: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> => {
  const all: Array<ReadonlyArray<number>> = []
  for (let flat = 0; flat < sizeOf(shape); flat++) {
    const index: Array<number> = []
    for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
      index.unshift(rest % shape[axis])
      rest = Math.floor(rest / shape[axis])
    }
    all.push(index)
  }
  return all
}

/** Reads an array of a shape by index; an axis of one element stands for all of its places, missing leading axes too. */
export const reader =
  ({ data, shape }: { readonly data: ArrayLike<number | bigint>; readonly shape: ReadonlyArray<number> }) =>
  (index: ReadonlyArray<number>): number => {
    const own = index.slice(index.length - shape.length)
    return Number(data[own.reduce((flat, at, axis) => flat * shape[axis] + (shape[axis] === 1 ? 0 : at), 0)])
  }

/** An array of a shape, computed element by element. */
export const computed = (shape: ReadonlyArray<number>, element: (index: ReadonlyArray<number>) => number): ReadonlyArray<number> => indices(shape).map(element)
