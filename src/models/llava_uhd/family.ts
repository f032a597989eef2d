import { Effect } from "effect"
import { clipNormalization, pictureLevel, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import { ModelCache } from "../../cache/model-cache.ts"
import { openClipTower } from "../../compile/blocks/clip-tower.ts"
import { llamaAttention, llamaDefaults, llamaShape, parseLlama } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { vicunaTemplate } from "../../text/vicuna-template.ts"
import { Workers } from "../../worker/workers.ts"
import { partEncoder } from "./encoder.ts"
import { graphsOf, HEAD_WIDTH } from "./graphs.ts"
import { pictureOptions, pictures, slicingTable } from "./pictures.ts"
import { planner, separatorsOf } from "./planner.ts"

/** What the published code writes for a picture in a prompt that is tokenized already (`IMAGE_TOKEN_INDEX`). */
const PICTURE = -200

/** LLaVA-UHD v1: pictures in slices that suit their shape, CLIP at any size, one resampler for all (thunlp/LLaVA-UHD, branch LLaVA-UHD-v1). */
export const family: FamilyModule = {
  modelTypes: ["llava_llama", "llava_uhd"],
  card: { slicing: "adaptive grid by score, overview last", projector: "shared resampler, each query its own window", positions: "one axis" },
  open: (folder, options) =>
    Effect.gen(function* () {
      const path = `${folder.folder}/config.json`
      const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
      const text = yield* parseLlama(folder.config, llamaDefaults, path)
      const tower = yield* openClipTower(folder, (yield* ModelCache).hashes, options.planOnly)
      const { checkpoint, config: vision, fields, processor: file, processorPath, skipped } = tower
      if (fields.mm_projector_type !== "adapt_spatial_resampler")
        return yield* refuse("mm_projector_type", `is ${fields.mm_projector_type}; of this layout LLaVA-UHD's adapt_spatial_resampler is run here`)
      if (fields.mm_vision_select_feature !== "patch")
        return yield* refuse("mm_vision_select_feature", `is ${fields.mm_vision_select_feature}; the resampler takes patches alone`)
      if (text.width % HEAD_WIDTH !== 0) return yield* refuse("hidden_size", `is ${text.width}; the resampler has a head for every ${HEAD_WIDTH} numbers`)
      const read = yield* readPictureProcessor(file, processorPath, { filter: "bicubic", ...clipNormalization, arithmetic: "torchvision" })
      // Slices are cut by Pillow; the processor only normalizes them.
      const processor = { ...read, resample: { filter: "bicubic", rounding: "pillow" } as const }
      const chat = yield* openChat(checkpoint, { stops: ["</s>"], template: vicunaTemplate })
      const { template, tokenizer } = chat

      const tied = text.tied === true || !checkpoint.tensors.has("lm_head.weight")
      const { graphs, key } = yield* openGraphs(
        checkpoint,
        options,
        graphsOf(text, tower, tied),
        (name) => skipped(name) || (tied && name === "lm_head.weight")
      )

      const encoder = partEncoder(vision, text.width, { vision: graphs.vision, resampler: graphs.resampler })
      const producers = [...options.producers, pictures({ id: key, width: text.width, scale: vision.image_size, processor, workers: yield* Workers, encoder })]
      return openedModel({
        checkpoint,
        chat,
        modelType: "llava_uhd",
        producers,
        planner: planner({
          tokenizer,
          template,
          producers,
          separators: yield* separatorsOf(tokenizer, checkpoint.folder)
        }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        // As model_vqa_loader.py asks, whose default temperature is 0.2; greedy where nobody says otherwise.
        answers: { maxTokens: 128 },
        reference: {
          placeholder: () => PICTURE,
          pictureLevel: pictureLevel(processor.normalization),
          options: pictureOptions,
          tables: { "slicing.json": slicingTable }
        }
      })
    })
}
