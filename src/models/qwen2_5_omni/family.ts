import { Effect } from "effect"
import { Backend } from "../../backend/backend.ts"
import { compile } from "../../compile/compile.ts"
import type { AttentionKind } from "../../core/attention-inputs.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { Family } from "../../core/family.ts"
import type { Rotary } from "../../core/rotary.ts"
import { openText } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import type { LoadedModel } from "../../session/model.ts"
import { readGeneration } from "../../session/generation-config.ts"
import { Workers } from "../../worker/workers.ts"
import { audioEncoder } from "./audio-encoder.ts"
import { type OmniConfig, parseConfig } from "./config.ts"
import { graphsOf, headWidthOf } from "./graphs.ts"
import { planner } from "./planner.ts"
import { tmrope } from "./positions.ts"
import { readProcessorSettings } from "./processor-settings.ts"
import { producersOf } from "./producers.ts"
import { visionEncoder } from "./vision-encoder.ts"

/** M-RoPE: contiguous sections of a head's pairs turn by time, height and width. */
const mrope = (config: OmniConfig["text_config"], headWidth: number): Rotary => {
  const half = headWidth / 2
  const axes = (config.rope_scaling?.mrope_section ?? [half]).flatMap((count, axis) => Array.from({ length: count }, () => axis))
  return {
    id: "mrope", scale: 1,
    frequencies: Float32Array.from({ length: half }, (_, i) => 1 / config.rope_theta ** (2 * i / headWidth)),
    axisOf: Uint8Array.from({ length: half }, (_, i) => axes[i] ?? 0)
  }
}

/** Parts beside the Thinker, and markers that its audio encoder carries but does not read. */
const skipped = (name: string): boolean => /^(talker|token2wav)\./.test(name) || name.endsWith("audio_tower.audio_bos_eos_token.weight")

/** Qwen2.5-Omni's Thinker: text, pictures, clips with their sound, and recordings (transformers 4.57.6 `qwen2_5_omni`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2_5_omni", "qwen2_5_omni_thinker"],
  open: (checkpoint, options) => Effect.gen(function*() {
    const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
    const { text_config: text } = config
    const backend = yield* Backend
    const workers = yield* Workers
    const settings = yield* readProcessorSettings(checkpoint)
    const generation = yield* readGeneration(checkpoint)
    const { template, tokenizer } = yield* openText(checkpoint)

    const prefix = checkpoint.tensors.has("thinker.model.norm.weight") ? "thinker." : ""
    const tied = text.tie_word_embeddings || config.tie_word_embeddings === true || !checkpoint.tensors.has(`${prefix}lm_head.weight`)
    const compiled = yield* compile(checkpoint, {
      dtype: options.dtype, strict: options.strict, graphs: graphsOf(config, prefix, tied), skipped,
      onProgress: (bytes, totalBytes) => options.onProgress({ stage: "compile", bytes, totalBytes })
    })
    yield* options.onUnread(compiled.unread)
    const load = (name: string) => backend.load(compiled.path(name), { name })
    const [embed, decoderModel, vision, visionEnd, audio, audioEnd] = yield* Effect.forEach(["embed", "decoder", "vision", "vision_projector", "audio", "audio_projector"], load)

    const headWidth = headWidthOf(text)
    const rotary = mrope(text, headWidth)
    const attention: AttentionKind = { name: "full", rotary: () => rotary }
    const scale = { positionsPerSecond: config.position_id_per_seconds, positionsPerWindow: config.position_id_per_seconds * config.seconds_per_chunk }
    const own = producersOf({
      id: `${compiled.key}`, config, settings, workers,
      vision: visionEncoder(config.vision_config, { encoder: vision, projector: visionEnd }),
      audio: audioEncoder(config.audio_config, { encoder: audio, projector: audioEnd })
    })
    const producers = [...options.producers, ...own]
    const stop = generation.stopTokens.length > 0 ? generation.stopTokens : ["<|im_end|>", "<|endoftext|>"].flatMap((token) => tokenizer.controlId(token) ?? [])
    if (stop.length === 0) return yield* new CheckpointUnreadable({ stage: "load", path: checkpoint.folder, message: `${checkpoint.folder}: neither generation_config.json nor the tokenizer names a token that ends an answer` })

    const model: LoadedModel = {
      name: checkpoint.folder, modelType: "qwen2_5_omni", modalities: [...new Set(producers.map(({ modality }) => modality))],
      family: Family.of({
        modelTypes: family.modelTypes,
        planner: planner({
          tokenizer, template, producers, scale,
          markers: { visionStart: config.vision_start_token_id, visionEnd: config.vision_end_token_id, audioStart: config.audio_start_token_id, audioEnd: config.audio_end_token_id },
          placeholders: { image: config.image_token_index, video: config.video_token_index, audio: config.audio_token_index }
        }),
        positions: tmrope(scale), attention: [attention], queryHeads: text.num_attention_heads, levels: 0
      }),
      decoder: Decoder.make({
        width: text.hidden_size, vocabulary: text.vocab_size, layers: text.num_hidden_layers, kvHeads: text.num_key_value_heads, headWidth,
        kinds: ["full"], levels: 0, adapters: []
      }, { embed, decoder: decoderModel }),
      textStream: () => tokenizer.stream(),
      stopTokens: new Set(stop),
      contextRows: text.max_position_embeddings,
      // qwen-omni-utils' example: greedy, 1,024 tokens of text.
      defaults: { maxTokens: 1024, temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, ...generation.defaults },
      reference: {
        placeholder: ({ modality }) => modality === "image" ? config.image_token_index : modality === "video" ? config.video_token_index : config.audio_token_index,
        pictureLevel: settings.image.rescale_factor / Math.min(...settings.image.image_std),
        options: [], hasPositions: true, tables: {}
      }
    }
    return model
  })
}
