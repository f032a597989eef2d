import { Effect, Layer } from "effect"
import { Backend, type Value as RunValue } from "../../src/backend/backend.ts"
import { layer as backendLayer } from "../../src/backend/layer.ts"
import { ModelCache } from "../../src/cache/model-cache.ts"
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts"
import { type Adapter, adaptedLinear } from "../../src/compile/blocks/adapted-linear.ts"
import { compile } from "../../src/compile/compile.ts"
import { seededRandom } from "../../src/session/seeded-random.ts"
import { add, mul, silu, split } from "../../src/onnx/ops.ts"
import { float32, sizeOf } from "../../src/tensor/tensor.ts"

/** Phi-4-multimodal-instruct's matrices of one decoder layer, and its LoRA sets. */
const [WIDTH, INNER, KEYS] = [3072, 8192, 1024]
const sets: ReadonlyArray<Adapter> = [
  { name: "vision", rank: 256, scale: 2 },
  { name: "speech", rank: 320, scale: 2 }
]
const matrices: ReadonlyArray<readonly [name: string, inputs: number, outputs: number]> = [
  ["qkv", WIDTH, WIDTH + 2 * KEYS],
  ["o", WIDTH, WIDTH],
  ["gate_up", WIDTH, 2 * INNER],
  ["down", INNER, WIDTH]
]

const shapes = new Map<string, ReadonlyArray<number>>(
  matrices.flatMap(([name, inputs, outputs]) => [
    [`${name}.weight`, [outputs, inputs]] as const,
    ...sets.flatMap(
      ({ name: set, rank }) =>
        [
          [`${name}.lora_A.${set}.weight`, [rank, inputs]],
          [`${name}.lora_B.${set}.weight`, [outputs, rank]]
        ] as const
    )
  ])
)

/** Random weights of those shapes. */
const checkpoint: Checkpoint = {
  folder: "random",
  config: {},
  tensors: new Map(
    Array.from(shapes, ([name, shape]) => [name, { name, stored: "F32", dtype: "float32" as const, shape, offset: 0, bytes: 4 * sizeOf(shape) }])
  ),
  json: () => Effect.succeed(undefined),
  text: () => Effect.succeed(undefined),
  read: (name) =>
    Effect.sync(() => {
      const random = seededRandom(name.length)
      return Float32Array.from({ length: sizeOf(shapes.get(name) ?? []) }, () => (random() - 0.5) * 0.02)
    }),
  readRows: () => Effect.die("whole tensors are read here"),
  contentId: Effect.succeed("random")
}

const graphOf = (name: string, adapters: ReadonlyArray<Adapter>) => ({
  name,
  build: (...[graph, weights]: Parameters<Parameters<typeof compile>[1]["graphs"][number]["build"]>) => {
    const linear = adaptedLinear(graph, adapters, "")
    const x = graph.input("x", "float32", ["rows", WIDTH])
    const [queries] = split(linear(x, weights, "qkv", WIDTH, WIDTH + 2 * KEYS, false), { axis: 1, sizes: [WIDTH, 2 * KEYS] })
    const attended = add(x, linear(queries, weights, "o", WIDTH, WIDTH, false))
    const [gate, up] = split(linear(attended, weights, "gate_up", WIDTH, 2 * INNER, false), { axis: 1, sizes: [INNER, INNER] })
    graph.output("y", add(attended, linear(mul(silu(gate), up), weights, "down", INNER, WIDTH, false)))
  }
})

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]

/** The matrices of one decoder layer at Phi-4's widths: LoRA kept apart against LoRA merged, which is the plain layer; run in turns, medians. */
export const benchAdapters = (cacheDir: string): Promise<void> =>
  Effect.gen(function* () {
    const compiled = yield* compile(checkpoint, {
      dtype: "fp32",
      strict: false,
      graphs: [graphOf("merged", []), graphOf("apart", sets)],
      skipped: () => true,
      onProgress: () => Effect.void
    })
    const backend = yield* Backend
    const merged = yield* backend.load(compiled.path("merged"), { name: "merged" })
    const apart = yield* backend.load(compiled.path("apart"), { name: "apart" })
    const flag = (on: boolean) => float32([1], Float32Array.of(on ? 1 : 0))
    const cases = [
      ["merged", merged, {}],
      ["apart, none on", apart, { "adapter.vision": flag(false), "adapter.speech": flag(false) }],
      ["apart, vision on", apart, { "adapter.vision": flag(true), "adapter.speech": flag(false) }],
      ["apart, speech on", apart, { "adapter.vision": flag(false), "adapter.speech": flag(true) }]
    ] as const
    for (const rows of [1, 64]) {
      const x = float32([rows, WIDTH], new Float32Array(rows * WIDTH).fill(0.1))
      const y = float32([rows, WIDTH], new Float32Array(rows * WIDTH))
      const took = cases.map((): Array<number> => [])
      for (let turn = 0; turn < 33; turn++) {
        for (const [i, [, graph, switches]] of cases.entries()) {
          const inputs: Record<string, RunValue> = { x, ...switches }
          const before = performance.now()
          yield* graph.run(inputs, { y })
          if (turn >= 3) took[i].push(performance.now() - before)
        }
      }
      const plain = median(took[0])
      console.log(
        `LoRA, ${rows} rows: ${cases.map(([name], i) => `${name} ${median(took[i]).toFixed(1)} ms (${(median(took[i]) / plain).toFixed(2)})`).join(", ")}`
      )
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(backendLayer, ModelCache.layer({ folder: cacheDir }))), Effect.runPromise)
