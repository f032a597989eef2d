import { Effect } from "effect"
import { windowSamples } from "../../../modalities/audio/log-mel.ts"
import { logMelSounds } from "../../../modalities/audio/log-mel-sounds.ts"
import { readWhisperSettings } from "../../../modalities/audio/whisper-settings.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { pooledRows } from "../../compile/blocks/whisper-rows.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { defaultTemplate } from "./default-template.ts"
import { graphsOf, layouts } from "./graphs.ts"
import { BEYOND, encodeSound } from "./sounds.ts"

/** Qwen2-Audio: text and recordings (transformers 5.18 `qwen2_audio`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2_audio"],
  card: { slicing: "no pictures", projector: "neighbours averaged, one layer", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const path = `${checkpoint.folder}/config.json`
      const config = yield* parseConfig(checkpoint.config, path)
      const { audio, placeholder, text } = config
      const mel = { ...(yield* readWhisperSettings(checkpoint, 30)), beyond: BEYOND }
      const frames = Math.floor(windowSamples(mel) / mel.hop)
      if (frames !== 2 * audio.max_source_positions || mel.bins !== audio.num_mel_bins) {
        return yield* new CheckpointUnreadable({
          stage: "load",
          path,
          message: `${path}: audio_config reads ${audio.num_mel_bins} bins x ${2 * audio.max_source_positions} frames; the processor's window has ${mel.bins} x ${frames}`
        })
      }
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"], processorTemplate: defaultTemplate })
      const { template, tokenizer } = chat

      const names = layouts.find(({ model }) => checkpoint.tensors.has(`${model}.norm.weight`)) ?? layouts[0]
      const tied = config.tied || !checkpoint.tensors.has(`${names.head}.weight`)
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, names, tied), (name) => tied && name === `${names.head}.weight`)

      const producers = [
        ...options.producers,
        logMelSounds({
          id: key,
          width: text.width,
          workers: yield* Workers,
          mel,
          blockFrames: frames,
          rowsOf: pooledRows,
          encode: (features, plan) => encodeSound(graphs.audio, features, plan)
        })
      ]
      return openedModel({
        checkpoint,
        chat,
        modelType: "qwen2_audio",
        producers,
        planner: placeholderPlanner({ tokenizer, template, producers, placeholders: { audio: placeholder } }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        answers: { maxTokens: 1024 },
        reference: { placeholder: () => placeholder, pictureLevel: 0 }
      })
    })
}
