import { Effect } from "effect"
import { expect, it } from "vitest"
import { Backend } from "../../../src/backend/backend.ts"
import { openCheckpoint } from "../../../src/checkpoint/checkpoint.ts"
import { compile } from "../../../src/compile/compile.ts"
import { ldpV2 } from "../../../src/models/mobilevlm/projectors.ts"
import { float32 } from "../../../src/tensor/tensor.ts"
import { checkpoints } from "../changed-checkpoint.ts"

const { changeTensors, run } = checkpoints("mobilevlm/ldpnetv2")
const WIDTH = 2
const identity = Float32Array.of(1, 0, 0, 1)
const zeros = (...shape: ReadonlyArray<number>) => float32(shape)

/** Means of the windows that torch's `AdaptiveAvgPool2d` lays over `across` numbers 0, 1, ..: from floor(i across / 12) to ceil((i + 1) across / 12). */
const means = (across: number): ReadonlyArray<number> =>
  Array.from({ length: 12 }, (_, i) => (Math.floor((i * across) / 12) + Math.ceil(((i + 1) * across) / 12) - 1) / 2)

it.each([18, 20, 27, 24])(
  "LDPv2's windows over %i patches a side are torch's, uneven and overlapping where 12 does not divide them; the rows are added to what looks at their neighbours",
  async (across) => {
    // Two layers that change nothing (GELU leaves numbers above 10 as they are), and a depthwise convolution that weighs the middle of its window by 0 and 2.
    const folder = await changeTensors((tensors) => {
      tensors.clear()
      for (const layer of ["mlp.mlp.0", "mlp.mlp.2"]) {
        tensors.set(`p.${layer}.weight`, float32([WIDTH, WIDTH], identity))
        tensors.set(`p.${layer}.bias`, zeros(WIDTH))
      }
      tensors.set("p.peg.peg.0.weight", float32([WIDTH, 1, 3, 3], Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0)))
      tensors.set("p.peg.peg.0.bias", zeros(WIDTH))
    })
    await run(
      Effect.gen(function* () {
        const compiled = yield* compile(yield* openCheckpoint(folder), {
          dtype: "fp32",
          strict: true,
          skipped: () => false,
          onProgress: () => Effect.void,
          graphs: [
            {
              name: "projector",
              build: (graph, weights) =>
                graph.output("rows", ldpV2.project(graph.input("hidden", "float32", [1, across ** 2, WIDTH]), weights.at("p"), across, WIDTH, WIDTH))
            }
          ]
        })
        const graph = yield* (yield* Backend).load(compiled.path("projector"), { name: "projector" })
        const hidden = Float32Array.from(
          { length: across ** 2 * WIDTH },
          (_, i) => 20 + 100 * (i % WIDTH) + Math.floor(i / WIDTH / across) + 0.5 * (Math.floor(i / WIDTH) % across)
        )
        const rows = new Float32Array(144 * WIDTH)
        yield* graph.run({ hidden: float32([1, across ** 2, WIDTH], hidden) }, { rows: float32([1, 144, WIDTH], rows) })
        const side = means(across)
        for (let row = 0; row < 144; row++) {
          const mean = 20 + side[Math.floor(row / 12)] + 0.5 * side[row % 12]
          expect(rows[row * WIDTH], `row ${row}`).toBeCloseTo(mean, 3)
          expect(rows[row * WIDTH + 1], `row ${row}`).toBeCloseTo(3 * (mean + 100), 3)
        }
      })
    )
  }
)
