import { Effect } from "effect"
import { pictureLevel } from "../../../modalities/image/picture-processor.ts"
import { squareRecipe } from "../../../modalities/image/square-processor.ts"
import { tiledFrames } from "../../../modalities/video/fixed-frames.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { isLlavaSkipped, llavaEncoder, llavaNames } from "../../compile/blocks/llava-graphs.ts"
import { withSettings } from "../../core/embedding-producer.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { modalityOf } from "../../session/prompt-pieces.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig, readProcessors } from "./config.ts"
import { graphsOf } from "./graphs.ts"
import { packer, pooledEncoder } from "./packing.ts"
import { pictures } from "./pictures.ts"

/** LLaVA-OneVision: pictures at any resolution where they are alone, clips with fewer rows a frame (transformers 5.18 `llava_onevision`). */
export const family: FamilyModule = {
  modelTypes: ["llava_onevision"],
  card: { slicing: "any resolution: tiles, unpadded, a newline a row; one tile beside others", projector: "two layers; clips pooled", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { across, imageToken, text, videoToken } = config
      const processors = yield* readProcessors(checkpoint, config)
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      const names = llavaNames(checkpoint)
      const tied = config.tied || !checkpoint.tensors.has(`${names.head}.weight`)
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf({ ...config, tied }, names), (name) =>
        isLlavaSkipped(name, { ...config, tied }, names)
      )

      const workers = yield* Workers
      const encoder = llavaEncoder(config, graphs.vision)
      const packing = packer(graphs.pack, text.width)
      const picture = pictures({ id: key, config, processor: processors.image, workers, encoder, packer: packing })
      const clips = tiledFrames({
        id: key,
        width: text.width,
        workers,
        encoder: pooledEncoder(encoder, packing, across),
        recipe: (frame) => squareRecipe(frame, processors.video),
        lastRow: packing.newline,
        // The model was trained with clips of up to 32 frames.
        clips: { fps: 2, minFrames: 4, maxFrames: 32 }
      })
      const producers = [...options.producers, picture, clips]
      return openedModel({
        checkpoint,
        chat,
        modelType: "llava_onevision",
        producers,
        planner: placeholderPlanner({
          tokenizer,
          template,
          placeholders: { image: imageToken, video: videoToken },
          partsOnly: true,
          around: true,
          producers: (messages) => {
            const tiled = messages.flatMap(({ content }) => content).filter((part) => modalityOf(part) === "image").length === 1
            return [...options.producers, withSettings(picture, { tiled }), clips]
          }
        }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        // The model card's example: 200 tokens, greedy where generation_config.json does not say.
        answers: { maxTokens: 200 },
        reference: {
          placeholder: ({ modality }) => (modality === "video" ? videoToken : imageToken),
          pictureLevel: pictureLevel(processors.image.normalization)
        }
      })
    })
}
