import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import type { Graph } from "../../backend/backend.ts"
import { concat, slice } from "../../onnx/ops.ts"
import type { Value } from "../../onnx/graph-builder.ts"
import type { GraphSource } from "../compile.ts"
import type { Weights } from "../weights.ts"
import { clipStates } from "./clip-vision.ts"
import { activations } from "./feed-forward.ts"
import { linear } from "./linear.ts"
import { llamaGraphs } from "./llama-decoder.ts"
import type { LlavaConfig } from "./llava-config.ts"
import { siglipStates } from "./siglip-vision.ts"
import { tileEncoder, type TileEncoder } from "./tile-encoder.ts"

/** Where a checkpoint keeps its parts. */
export interface LlavaNames {
  /** Holds `embed_tokens`, `layers`, `norm`. */
  readonly model: string
  /** The head. */
  readonly head: string
  /** Holds `embeddings`, `encoder`. */
  readonly vision: string
  readonly projector: string
  /** What stands in front of tensors that belong to no part. */
  readonly root: string
}

/** As published, and as transformers 5 names its modules. */
const layouts: ReadonlyArray<LlavaNames> = [
  { model: "language_model.model", head: "language_model.lm_head", vision: "vision_tower.vision_model", projector: "multi_modal_projector", root: "" },
  { model: "model.language_model", head: "lm_head", vision: "model.vision_tower.vision_model", projector: "model.multi_modal_projector", root: "model." },
  { model: "model.language_model", head: "lm_head", vision: "model.vision_tower", projector: "model.multi_modal_projector", root: "model." }
]

/** The names of this checkpoint; those of published ones where it is neither. */
export const llavaNames = ({ tensors }: Checkpoint): LlavaNames =>
  layouts.find(({ model, vision }) => tensors.has(`${model}.norm.weight`) && tensors.has(`${vision}.embeddings.patch_embedding.weight`)) ?? layouts[0]

/** Tensors that a checkpoint may hold and that nothing reads: the head beside a tied table, the encoder's layers and norms behind the rows that are taken, its head, and buffers. */
export const isLlavaSkipped = (name: string, { after, tied }: LlavaConfig, names: LlavaNames): boolean => {
  if (name.endsWith(".rotary_emb.inv_freq")) return true
  if (tied && name === `${names.head}.weight`) return true
  if (!name.startsWith(`${names.vision}.`)) return false
  const rest = name.slice(names.vision.length + 1)
  const [, layer] = /^encoder\.layers\.(\d+)\./.exec(rest) ?? []
  return layer === undefined ? /^(post_layernorm\.|head\.|embeddings\.position_ids$)/.test(rest) : Number(layer) >= Math.max(...after)
}

/** Two layers of the decoder's width (transformers `LlavaMultiModalProjector`). */
const projected = (rows: Value, weights: Weights, { after, projector, text, vision }: LlavaConfig): Value =>
  linear(
    activations[projector.activation](linear(rows, weights, "linear_1", vision.config.hidden_size * after.length, text.width, projector.bias)),
    weights,
    "linear_2",
    text.width,
    text.width,
    projector.bias
  )

/** The graphs `embed`, `decoder`, and `vision`: `pixels` [tiles, 3, side, side] to `embeddings` [tiles, rows, width]. */
export const llavaGraphs = (config: LlavaConfig, names: LlavaNames): ReadonlyArray<GraphSource> => [
  ...llamaGraphs(config.text, { model: names.model, head: names.head, tied: config.tied, qkvBias: config.qkvBias }),
  {
    name: "vision",
    build: (graph, weights) => {
      const { after, dropsFirst, vision } = config
      const { image_size: side, num_channels: channels } = vision.config
      const pixels = graph.input("pixels", "float32", ["tiles", channels, side, side])
      const states =
        vision.kind === "clip"
          ? clipStates(pixels, weights.at(names.vision), vision.config, after)
          : siglipStates(pixels, weights.at(names.vision), vision.config, after)
      const joined = states.length === 1 ? states[0] : concat(states, 2)
      const rows = dropsFirst ? slice(joined, { axis: 1, from: 1, to: Number.MAX_SAFE_INTEGER }) : joined
      graph.output("embeddings", projected(rows, weights.at(names.projector), config))
    }
  }
]

/** The graph `vision` as an encoder of tiles. */
export const llavaEncoder = ({ text, tileRows, vision: { config } }: LlavaConfig, graph: Graph): TileEncoder =>
  tileEncoder(
    {
      side: config.image_size,
      channels: config.num_channels,
      patches: Math.floor(config.image_size / config.patch_size) ** 2,
      rows: tileRows,
      width: text.width
    },
    graph
  )
