import { add, averagePool, concat, expand, gather, gelu, reshape, transpose } from "../../onnx/ops.ts"
import type { GraphBuilder, Value } from "../../onnx/graph-builder.ts"
import { activations } from "../../compile/blocks/feed-forward.ts"
import { linear } from "../../compile/blocks/linear.ts"
import { patchEmbedding, visionLayer, type VisionTransformerSpec } from "../../compile/blocks/vision-transformer.ts"
import type { Weights } from "../../compile/weights.ts"
import type { PhiConfig } from "./config.ts"
import type { PhiNames } from "./names.ts"

/** Two layers that make the decoder's rows. */
const projector = (x: Value, weights: Weights, { text: { width: outputs }, vision: { hidden_size: width } }: PhiConfig, { image }: PhiNames): Value =>
  linear(gelu(linear(x, weights, image.up, width, outputs, true), "none"), weights, image.down, outputs, outputs, true)

/**
 * The graph `vision`: `pixels` [crops, 3, side, side] to `embeddings` [crops, rows, outputs]: SigLIP up to the layer that is read, patches averaged two by two, projected
 * (transformers 5.18 `Phi4MultimodalImageEmbedding`). `positions` [crops, patches]: entries of the learned table. `hidden` [crops, patches]: 0, or a large negative
 * number at patches that no row looks at. `weights`: of `image_embed`.
 */
export const vision = (graph: GraphBuilder, weights: Weights, config: PhiConfig, names: PhiNames): void => {
  const { hidden_size: width, image_size, layer_norm_eps, num_attention_heads: heads, num_channels: channels, patch_size: patchSize } = config.vision
  const across = image_size / patchSize
  const patches = across ** 2
  const spec: VisionTransformerSpec = {
    width,
    heads,
    inner: config.vision.intermediate_size,
    epsilon: layer_norm_eps,
    activation: activations.gelu_pytorch_tanh
  }
  const tower = weights.at("img_processor")
  const embeddings = tower.at("embeddings")
  const pixels = graph.input("pixels", "float32", ["crops", channels, image_size, image_size])
  const positions = gather(embeddings.tensor("position_embedding.weight", [patches, width]), graph.input("positions", "int64", ["crops", patches]), 0)
  const bias = expand(reshape(graph.input("hidden", "float32", ["crops", patches]), [-1, 1, 1, patches]), [1, 1, patches, 1])
  let x = add(patchEmbedding(pixels, embeddings, { width, channels, patchSize, bias: true }), positions)
  for (let i = 0; i < config.visionLayers; i++) x = visionLayer(x, tower.at(`encoder.layers.${i}`), spec, bias)
  const planes = reshape(transpose(x, [0, 2, 1]), [-1, width, across, across])
  const pooled = averagePool(planes, { kernel: [2, 2], strides: [2, 2] })
  graph.output("embeddings", projector(transpose(reshape(pooled, [-1, width, patches / 4]), [0, 2, 1]), weights, config, names))
}

/** The graph `separators`: `embeddings` [2, outputs], the row at the end of each row of a picture, and the row between crops and overview. It has no inputs. */
export const separators = (graph: GraphBuilder, weights: Weights, config: PhiConfig, names: PhiNames): void => {
  const { hidden_size: width } = config.vision
  const rows = [
    reshape(weights.tensor(names.image.rowEnd, [1, 1, 1, width]), [1, width]),
    reshape(weights.tensor(names.image.border, [1, 1, width]), [1, width])
  ]
  graph.output("embeddings", projector(concat(rows, 0), weights, config, names))
}
