import { Effect } from "effect"
import { readWhisperSettings } from "../../../modalities/audio/whisper-settings.ts"
import { levelOf, readPatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { isTied, qwenAttention, qwenDecoderShape } from "../../compile/blocks/qwen-decoder.ts"
import { visionEncoder } from "../../compile/blocks/rotary-vision-encoder.ts"
import { windowedVisionSpec } from "../../compile/blocks/windowed-vision.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { Workers } from "../../worker/workers.ts"
import { audioEncoder } from "./audio-encoder.ts"
import { parseConfig } from "./config.ts"
import { graphsOf } from "./graphs.ts"
import { planner } from "./planner.ts"
import { tmrope } from "./positions.ts"
import { producersOf } from "./producers.ts"

/** Parts beside the Thinker, and markers that its audio encoder carries but does not read. */
const skipped = (name: string): boolean => /^(talker|token2wav)\./.test(name) || name.endsWith("audio_tower.audio_bos_eos_token.weight")

/** Qwen2.5-Omni's Thinker: text, pictures, clips with their sound, and recordings (transformers 4.57.6 `qwen2_5_omni`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2_5_omni", "qwen2_5_omni_thinker"],
  card: {
    slicing: "dynamic resolution, window attention",
    projector: "norm, 2 x 2 joined, two layers; sound: neighbours averaged, one layer",
    positions: "TMRoPE: time in seconds, height, width; sound interleaved"
  },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { audio_config, text_config: text, vision_config } = config
      const vision = windowedVisionSpec(vision_config, "separate")
      const processors = yield* readPatchProcessors(checkpoint, vision, "pillow")
      const mel = yield* readWhisperSettings(checkpoint, 300)
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      const prefix = [...checkpoint.tensors.keys()].some((name) => name.startsWith("thinker.")) ? "thinker." : ""
      const tied = isTied(checkpoint, `${prefix}lm_head`, text.tie_word_embeddings, config.tie_word_embeddings)
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, vision, prefix, tied), skipped)

      const scale = { positionsPerSecond: config.position_id_per_seconds, positionsPerWindow: config.position_id_per_seconds * config.seconds_per_chunk }
      const own = producersOf({
        id: key,
        config,
        mel,
        processors,
        workers: yield* Workers,
        vision: visionEncoder(vision, vision_config.out_hidden_size, { encoder: graphs.vision, projector: graphs.vision_projector }),
        audio: audioEncoder(audio_config, { encoder: graphs.audio, projector: graphs.audio_projector })
      })
      const producers = [...options.producers, ...own]

      return openedModel({
        checkpoint,
        chat,
        modelType: "qwen2_5_omni",
        producers,
        planner: planner({
          tokenizer,
          template,
          producers,
          scale,
          markers: {
            visionStart: config.vision_start_token_id,
            visionEnd: config.vision_end_token_id,
            audioStart: config.audio_start_token_id,
            audioEnd: config.audio_end_token_id
          },
          placeholders: { image: config.image_token_index, video: config.video_token_index, audio: config.audio_token_index }
        }),
        positions: tmrope(scale),
        attention: [qwenAttention(text, false)],
        queryHeads: text.num_attention_heads,
        decoder: Decoder.make(qwenDecoderShape(text, 0), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.max_position_embeddings,
        // qwen-omni-utils' example: greedy, 1,024 tokens of text.
        answers: { maxTokens: 1024 },
        reference: {
          placeholder: ({ modality }) =>
            modality === "image" ? config.image_token_index : modality === "video" ? config.video_token_index : config.audio_token_index,
          pictureLevel: levelOf(processors.image),
          hasPositions: true
        }
      })
    })
}
