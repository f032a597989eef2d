import { Effect } from "effect"
import { tiledPictures } from "../../../modalities/image/fixed-tiles.ts"
import { pictureLevel, processorFile } from "../../../modalities/image/picture-processor.ts"
import { clipSquares, readSquareProcessor, siglipSquares, squarePicture } from "../../../modalities/image/square-processor.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { type LlavaDefaults, parseLlava } from "../../compile/blocks/llava-config.ts"
import { isLlavaSkipped, llavaEncoder, llavaGraphs, llavaNames } from "../../compile/blocks/llava-graphs.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { Workers } from "../../worker/workers.ts"

/** Of transformers' `LlavaConfig`: CLIP ViT-L/14 at 336 pixels, Llama. */
const defaults: LlavaDefaults = {
  visionType: "clip_vision_model",
  vision: { hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16, image_size: 336, patch_size: 14 },
  textType: "llama",
  featureLayer: -2,
  selectStrategy: "default",
  imageToken: 32000
}

/**
 * LLaVA 1.5 (CLIP, Llama) and LLaVA-Interleave (SigLIP, Qwen2): each picture one square, its rows where the template writes `<image>`, a message's pictures ahead of its
 * text (transformers 5.18 `llava`).
 */
export const family: FamilyModule = {
  modelTypes: ["llava"],
  card: { slicing: "one fixed size", projector: "two layers", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseLlava(checkpoint.config, `${checkpoint.folder}/config.json`, defaults)
      const { imageToken, text, vision } = config
      const file = yield* processorFile(checkpoint, "image_processor")
      const isClip = typeof file.image_processor_type === "string" ? file.image_processor_type.startsWith("CLIP") : vision.kind === "clip"
      const processor = yield* readSquareProcessor(
        file,
        `${checkpoint.folder}: processor settings`,
        isClip ? clipSquares : siglipSquares,
        vision.config.image_size
      )
      const chat = yield* openChat(checkpoint, { stops: ["</s>", "<|im_end|>"] })
      const { template, tokenizer } = chat

      const names = llavaNames(checkpoint)
      const tied = config.tied || !checkpoint.tensors.has(`${names.head}.weight`)
      const { graphs, key } = yield* openGraphs(checkpoint, options, llavaGraphs({ ...config, tied }, names), (name) =>
        isLlavaSkipped(name, { ...config, tied }, names)
      )

      const producers = [
        ...options.producers,
        tiledPictures({
          id: key,
          width: text.width,
          workers: yield* Workers,
          encoder: llavaEncoder(config, graphs.vision),
          reads: { alpha: "dropped" },
          cut: (media) => Effect.map(squarePicture(media, processor), (recipe) => ({ recipe, tiles: [undefined] }))
        })
      ]
      return openedModel({
        checkpoint,
        chat,
        modelType: "llava",
        producers,
        planner: placeholderPlanner({ tokenizer, template, producers, placeholders: { image: imageToken }, partsOnly: true, around: true }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        // The model card's example: 200 tokens, greedy where generation_config.json does not say.
        answers: { maxTokens: 200 },
        reference: { placeholder: () => imageToken, pictureLevel: pictureLevel(processor.normalization) }
      })
    })
}
