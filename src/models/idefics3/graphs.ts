import { bucketedPositions, positionsOnGrid, steppedFractions } from "../../compile/blocks/bucketed-positions.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { llamaGraphs } from "../../compile/blocks/llama-decoder.ts"
import { pixelShuffle } from "../../compile/blocks/pixel-shuffle.ts"
import { patchesAcross, siglipVision } from "../../compile/blocks/siglip-vision.ts"
import type { GraphSource } from "../../compile/compile.ts"
import type { IdeficsConfig } from "./config.ts"

/** Learned position of each patch of a whole tile, row by row. */
const positionsOf = (across: number): ReadonlyArray<number> => {
  const side = bucketedPositions(steppedFractions(across), across)
  return positionsOnGrid(side, side, across)
}

/** The graphs `embed`, `decoder` and `vision`: encoder, pixel shuffle, one matrix (transformers `Idefics3Connector`). */
export const graphsOf = (config: IdeficsConfig, tied: boolean): ReadonlyArray<GraphSource> => {
  const { scale, text, vision } = config
  return [
    ...llamaGraphs(text, { model: "model.text_model", head: "lm_head", tied, qkvBias: false }),
    {
      name: "vision",
      build: (graph, weights) => {
        const across = patchesAcross(vision)
        const { hidden_size: width, image_size: side } = vision
        const pixels = graph.input("pixels", "float32", ["tiles", vision.num_channels, side, side])
        const hidden = siglipVision(pixels, weights.at("model.vision_model"), vision, { positions: positionsOf(across) })
        const projection = weights.at("model.connector.modality_projection")
        graph.output("embeddings", linear(pixelShuffle(hidden, across, width, scale), projection, "proj", width * scale ** 2, text.width, false))
      }
    }
  ]
}
