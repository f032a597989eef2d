import { Effect } from "effect"
import { nativePictures } from "../../../modalities/image/native-resolution.ts"
import { levelOf, readPatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { nativeClips, utilityClips } from "../../../modalities/video/native-resolution.ts"
import { isTied, partPrefixes, qwenAttention, qwenDecoderGraphs, qwenDecoderShape } from "../../compile/blocks/qwen-decoder.ts"
import { rotaryVisionGraphs } from "../../compile/blocks/rotary-vision.ts"
import { visionEncoder } from "../../compile/blocks/rotary-vision-encoder.ts"
import { gridPositions } from "../../core/grid-positions.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { visionSpec } from "./vision.ts"

/** Qwen2-VL: text, pictures and clips; full attention in the encoder, M-RoPE whose time counts steps (transformers 4.57.6 `qwen2_vl`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2_vl"],
  card: { slicing: "dynamic resolution", projector: "norm, 2 x 2 joined, two layers", positions: "M-RoPE: step, height, width" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { text_config: text, vision_config } = config
      const vision = visionSpec(vision_config)
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
          ...rotaryVisionGraphs(prefixes.visual, vision, { norm: "ln_q", layers: ["mlp.0", "mlp.2"], outputs: vision_config.hidden_size })
        ],
        (name) => tied && name === `${prefixes.head}.weight`
      )

      const parts = {
        id: key,
        width: text.hidden_size,
        workers: yield* Workers,
        encoder: visionEncoder(vision, vision_config.hidden_size, { encoder: graphs.vision, projector: graphs.vision_projector })
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
        modelType: "qwen2_vl",
        producers,
        planner: placeholderPlanner({
          tokenizer,
          template,
          producers,
          placeholders,
          markers: { start: config.vision_start_token_id, end: config.vision_end_token_id }
        }),
        positions: gridPositions(),
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
