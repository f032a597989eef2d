import { llavaGraphs, type LlavaNames } from "../../compile/blocks/llava-graphs.ts"
import { mapGrid } from "../../compile/blocks/grid-map.ts"
import type { GraphSource } from "../../compile/compile.ts"
import { add, mul, reshape } from "../../onnx/ops.ts"
import type { OnevisionConfig } from "./config.ts"

/**
 * The graphs `embed`, `decoder`, `vision`, and `pack`: a `grid` [1, height, width, numbers] to `packed` [1, new height, new width, numbers] by `rows` [new height, height]
 * and `columns` [new width, width], with the learned line break where `breaks` [new width, 1] is 1.
 */
export const graphsOf = (config: OnevisionConfig, names: LlavaNames): ReadonlyArray<GraphSource> => [
  ...llavaGraphs(config, names),
  {
    name: "pack",
    build: (graph, weights) => {
      const { width } = config.text
      const grid = graph.input("grid", "float32", [1, "height", "width", width])
      const mapped = mapGrid(grid, graph.input("rows", "float32", ["to_height", "height"]), graph.input("columns", "float32", ["to_width", "width"]), width)
      const newline = reshape(weights.tensor(`${names.root}image_newline`, [width]), [1, width])
      graph.output("packed", add(mapped, mul(graph.input("breaks", "float32", ["to_width", 1]), newline)))
    }
  }
]
