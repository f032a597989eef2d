import { Effect } from "effect"
import { nativePictures } from "../../../modalities/image/native-resolution.ts"
import { levelOf, readPatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { nativeClips, utilityClips } from "../../../modalities/video/native-resolution.ts"
import { isTied, partPrefixes, qwenAttention, qwenDecoderGraphs, qwenDecoderShape } from "../../compile/blocks/qwen-decoder.ts"
import { visionEncoder } from "../../compile/blocks/rotary-vision-encoder.ts"
import { windowedVisionGraphs, windowedVisionSpec } from "../../compile/blocks/windowed-vision.ts"
import { gridPositions } from "../../core/grid-positions.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"

/** Qwen2.5-VL: text, pictures and clips; window attention in the encoder, absolute time in M-RoPE (transformers 4.57.6 `qwen2_5_vl`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2_5_vl"],
  card: { slicing: "dynamic resolution, window attention", projector: "norm, 2 x 2 joined, two layers", positions: "M-RoPE: time in seconds, height, width" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { text_config: text, vision_config } = config
      const vision = windowedVisionSpec(vision_config, "fused")
      const processors = yield* readPatchProcessors(checkpoint, vision, "torchvision")
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      const prefixes = partPrefixes(checkpoint)
      const tied = isTied(checkpoint, prefixes.head, config.tie_word_embeddings, text.tie_word_embeddings)
      const { graphs, key } = yield* openGraphs(
        checkpoint,
        options,
        [
          ...qwenDecoderGraphs(text, { ...prefixes, tied, qkvBias: true, headNorms: false, levels: 0 }),
          ...windowedVisionGraphs(vision_config, vision, prefixes.visual)
        ],
        (name) => tied && name === `${prefixes.head}.weight`
      )

      const parts = {
        id: key,
        width: text.hidden_size,
        workers: yield* Workers,
        encoder: visionEncoder(vision, vision_config.out_hidden_size, { encoder: graphs.vision, projector: graphs.vision_projector })
      }
      const producers = [
        ...options.producers,
        nativePictures({ ...parts, processor: processors.image, reads: { alpha: "dropped" } }),
        nativeClips({ ...parts, processor: processors.video, clips: utilityClips })
      ]
      const placeholders = { image: config.image_token_id, video: config.video_token_id }
      return openedModel({
        checkpoint,
        chat,
        modelType: "qwen2_5_vl",
        producers,
        planner: placeholderPlanner({
          tokenizer,
          template,
          producers,
          placeholders,
          markers: { start: config.vision_start_token_id, end: config.vision_end_token_id }
        }),
        positions: gridPositions(vision_config.tokens_per_second),
        attention: [qwenAttention(text, false)],
        queryHeads: text.num_attention_heads,
        decoder: Decoder.make(qwenDecoderShape(text, 0), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.max_position_embeddings,
        // The model card's example: 128 tokens, greedy where generation_config.json does not say.
        answers: { maxTokens: 128 },
        reference: {
          placeholder: ({ modality }) => (modality === "video" ? config.video_token_id : config.image_token_id),
          pictureLevel: levelOf(processors.image),
          hasPositions: true
        }
      })
    })
}
