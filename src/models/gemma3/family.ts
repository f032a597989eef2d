import { Effect } from "effect"
import { halves, pictureLevel, processorFile, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import { plainRotary } from "../../compile/blocks/plain-rotary.ts"
import { patchesAcross } from "../../compile/blocks/siglip-vision.ts"
import { tileEncoder } from "../../compile/blocks/tile-encoder.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { graphsOf, kinds, layouts } from "./graphs.ts"
import { pictureOptions, pictures } from "./pictures.ts"
import { planner } from "./planner.ts"

/** Gemma 3 with pictures (transformers 5.18 `gemma3`). */
export const family: FamilyModule = {
  modelTypes: ["gemma3"],
  card: {
    slicing: "one fixed size; pan and scan",
    projector: "average pool, norm, one product",
    positions: "one axis; two rotary bases; a picture's rows see each other both ways"
  },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { attention, ids, rowsAcross, text, vision } = config
      const processor = yield* readPictureProcessor(yield* processorFile(checkpoint, "image_processor"), `${checkpoint.folder}: processor settings`, {
        filter: "bilinear",
        mean: halves,
        std: halves,
        arithmetic: "torchvision"
      })
      const chat = yield* openChat(checkpoint, { stops: ["<end_of_turn>", "<eos>"] })
      const { template, tokenizer } = chat

      const names =
        layouts.find(
          ({ model, vision: tower }) => checkpoint.tensors.has(`${model}.norm.weight`) && checkpoint.tensors.has(`${tower}.post_layernorm.weight`)
        ) ?? layouts[0]
      const tied = config.tied || !checkpoint.tensors.has(`${names.head}.weight`)
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, names, tied), (name) => tied && name === `${names.head}.weight`)

      const width = text.hidden_size
      const encoder = tileEncoder(
        { side: vision.image_size, channels: vision.num_channels, patches: patchesAcross(vision) ** 2, rows: rowsAcross ** 2, width },
        graphs.vision
      )
      const producers = [...options.producers, pictures({ id: key, width, processor, workers: yield* Workers, encoder })]
      const { full, sliding } = attention
      const headWidth = text.head_dim
      const rotaries = { full: plainRotary({ headWidth, ...full }), sliding: plainRotary({ headWidth, theta: sliding.theta }) }
      return openedModel({
        checkpoint,
        chat,
        modelType: "gemma3",
        producers,
        planner: planner({ tokenizer, template, producers, ids }),
        positions: oneAxis,
        attention: [
          { name: kinds[0], rotary: () => rotaries.full },
          { name: kinds[1], rotary: () => rotaries.sliding, window: sliding.window }
        ],
        queryHeads: text.num_attention_heads,
        decoder: Decoder.make(
          {
            width,
            vocabulary: text.vocab_size,
            layers: text.num_hidden_layers,
            kvHeads: text.num_key_value_heads,
            headWidth,
            kinds,
            levels: 0,
            adapters: []
          },
          { embed: graphs.embed, decoder: graphs.decoder }
        ),
        contextRows: text.max_position_embeddings,
        // As Gemma's published generation_config.json samples.
        answers: { maxTokens: 1024, temperature: 1, topK: 64, topP: 0.95 },
        reference: { placeholder: () => ids.row, pictureLevel: pictureLevel(processor.normalization), options: pictureOptions }
      })
    })
}
