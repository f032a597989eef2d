import { Effect, Schema } from "effect"
import { clipNormalization, pictureLevel, processorFile, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import { decodeConfig, int, record } from "../../checkpoint/config-fields.ts"
import { llamaAttention } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import type { PromptPlanner } from "../../core/prompt-plan.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { crossView } from "./cross-view.ts"
import { graphsOf, layouts } from "./graphs.ts"
import { pictures } from "./pictures.ts"

/** What a picture is fitted to; one side of `size`, since tiles are square. */
const Tiles = Schema.Struct({ max_image_tiles: int(4), size: Schema.Struct({ height: int(224), width: int(224) }) })

/** A planner whose prompts say what each row sees of the memory. */
const withView = (planner: PromptPlanner): PromptPlanner => ({
  plan: (prompt) =>
    Effect.map(planner.plan(prompt), (plan) => {
      const cross = crossView(
        plan.layout,
        plan.media.map((one) => one.plan)
      )
      return cross === undefined ? plan : { ...plan, cross }
    })
})

/** Llama 3.2 Vision: pictures that cross-attention layers look at, one token each among the text (transformers 5.18 `mllama`). */
export const family: FamilyModule = {
  modelTypes: ["mllama"],
  card: { slicing: "up to four tiles by aspect ratio", projector: "one layer: memory for cross-attention", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { crossLayers, placeholder, text, vision } = config
      const path = `${checkpoint.folder}: processor settings`
      const file = yield* processorFile(checkpoint, "image_processor")
      const processor = yield* readPictureProcessor(file, path, { filter: "bilinear", ...clipNormalization, arithmetic: "torchvision" })
      const { max_image_tiles: slots, size } = yield* decodeConfig(Tiles, { ...file, size: record(file.size) }, path)
      if (slots !== vision.max_num_tiles || size.height !== vision.image_size || size.width !== vision.image_size) {
        return yield* new CheckpointUnreadable({
          stage: "load",
          path: checkpoint.folder,
          message: `${path}: ${slots} tiles of ${size.width} x ${size.height}; the encoder has ${vision.max_num_tiles} slots of ${vision.image_size} x ${vision.image_size}`
        })
      }
      const chat = yield* openChat(checkpoint, { stops: ["<|eot_id|>", "<|end_of_text|>"] })
      const { template, tokenizer } = chat

      const names = layouts.find(({ model }) => checkpoint.tensors.has(`${model}.norm.weight`)) ?? layouts[0]
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, names), () => false)

      const producers = [...options.producers, pictures({ id: key, config, processor, workers: yield* Workers, graph: graphs.vision })]
      return openedModel({
        checkpoint,
        chat,
        modelType: "mllama",
        producers,
        planner: withView(placeholderPlanner({ tokenizer, template, producers, placeholders: { image: placeholder }, around: true })),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(
          {
            width: text.width,
            vocabulary: text.vocabulary,
            layers: text.layers - crossLayers.length,
            kvHeads: text.kvHeads,
            headWidth: text.headWidth,
            kinds: ["full"],
            levels: 0,
            adapters: [],
            cross: { layers: crossLayers.length, kvHeads: text.kvHeads, headWidth: text.headWidth }
          },
          { embed: graphs.embed, decoder: graphs.decoder, memory: graphs.memory }
        ),
        contextRows: text.maxPositions,
        // As the published generation_config.json samples.
        answers: { maxTokens: 1024, temperature: 0.6, topP: 0.9 },
        reference: { placeholder: () => placeholder, pictureLevel: pictureLevel(processor.normalization) }
      })
    })
}
