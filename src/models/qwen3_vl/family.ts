import { Effect } from "effect"
import { nativePictures } from "../../../modalities/image/native-resolution.ts"
import { levelOf, readPatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { type ClipDefaults, nativeClips } from "../../../modalities/video/native-resolution.ts"
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
import { placeClip, timestamps } from "./timestamps.ts"
import { visionSpec } from "./vision.ts"

/** What the published processor (`Qwen3VLVideoProcessor`) does with a clip where neither a person nor the checkpoint says otherwise. */
const clips: ClipDefaults = { bounds: "clip", minPixels: 128 * 32 * 32, maxPixels: 768 * 32 * 32, fps: 2, minFrames: 4, maxFrames: 768 }

/** Qwen3-VL: text, pictures and clips with their times in words; interleaved M-RoPE, deepstack (transformers 4.57.6 `qwen3_vl`). */
export const family: FamilyModule = {
  modelTypes: ["qwen3_vl"],
  card: {
    slicing: "dynamic resolution, interpolated learned positions",
    projector: "2 x 2 joined, norm, two layers; rows added inside the decoder (deepstack)",
    positions: "interleaved M-RoPE; a clip's times as text"
  },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { text_config: text, vision_config } = config
      const vision = visionSpec(vision_config)
      const processors = yield* readPatchProcessors(checkpoint, vision, "torchvision")
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      const levels = vision.levels.length
      const prefixes = partPrefixes(checkpoint)
      const tied = isTied(checkpoint, prefixes.head, config.tie_word_embeddings, text.tie_word_embeddings)
      const { graphs, key } = yield* openGraphs(
        checkpoint,
        options,
        [
          ...qwenDecoderGraphs(text, { ...prefixes, tied, qkvBias: false, headNorms: true, levels }),
          ...rotaryVisionGraphs(prefixes.visual, vision, { norm: "norm", layers: ["linear_fc1", "linear_fc2"], outputs: vision_config.out_hidden_size })
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
        nativeClips({
          ...parts,
          processor: processors.video,
          clips,
          secondsOfSteps: (indices, { frameRate }, steps) => timestamps(indices, frameRate, processors.video.mergeSize, steps)
        })
      ]
      const markers = { start: config.vision_start_token_id, end: config.vision_end_token_id }
      const placeholders = { image: config.image_token_id, video: config.video_token_id }
      return openedModel({
        checkpoint,
        chat,
        modelType: "qwen3_vl",
        producers,
        planner: placeholderPlanner({
          tokenizer,
          template,
          producers,
          placeholders,
          markers,
          bringsMarkers: ([first]) => first?.plan.modality === "video",
          place: (layout, [clip]) => placeClip(layout, clip, markers)
        }),
        positions: gridPositions(),
        attention: [qwenAttention(text, true)],
        queryHeads: text.num_attention_heads,
        levels,
        decoder: Decoder.make(qwenDecoderShape(text, levels), { embed: graphs.embed, decoder: graphs.decoder }),
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
