import { Effect } from "effect"
import { pictureLevel } from "../../../modalities/image/picture-processor.ts"
import { type AdapterFigures, withAdapters } from "../../checkpoint/adapter-files.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { longRotary } from "../../compile/blocks/long-rotary.ts"
import { plainRotary } from "../../compile/blocks/plain-rotary.ts"
import type { AttentionKind } from "../../core/attention-inputs.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig, type PhiConfig } from "./config.ts"
import { graphsOf } from "./graphs.ts"
import { EXTEND, namesOf } from "./names.ts"
import { pictures } from "./pictures.ts"
import { planner } from "./planner.ts"
import { readProcessors } from "./processor-settings.ts"
import { sounds } from "./sounds.ts"

/** The one kind of attention: part of each head turns, by one of two tables. */
const attentionOf = ({ longContext, rotaryWidth, text, window }: PhiConfig): AttentionKind => {
  const spec = { headWidth: rotaryWidth, theta: text.theta }
  const plain = plainRotary(spec)
  return {
    ...llamaAttention(text),
    rotary: longContext === undefined ? () => plain : longRotary(spec, longContext),
    ...(window === undefined ? {} : { window })
  }
}

/** The encoder's head and what comes behind the layer that is read. */
const skipped = ({ tied, vision, visionLayers }: PhiConfig) => {
  const tower = `${EXTEND}.image_embed.img_processor`
  const unused = [
    `${tower}.head.`,
    `${tower}.post_layernorm.`,
    ...Array.from({ length: vision.num_hidden_layers - visionLayers }, (_, i) => `${tower}.encoder.layers.${visionLayers + i}.`)
  ]
  return (name: string) => (tied && name === "lm_head.weight") || unused.some((prefix) => name.startsWith(prefix))
}

/** Phi-4-multimodal: text, pictures and recordings, with a LoRA set for each sense (transformers 5.18 `phi4_multimodal`), in the published layout (`phi4mm`) and transformers'. */
export const family: FamilyModule = {
  modelTypes: ["phi4_multimodal", "phi4mm"],
  card: {
    slicing: "HD crops by area or ratio, and an overview",
    projector: "2 x 2 average, two layers; for sound one of two",
    positions: "one axis, LongRoPE"
  },
  open: (folder, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(folder.config, `${folder.folder}/config.json`)
      const { text, vision } = config
      const processors = yield* readProcessors(folder, config)
      // The published repository keeps its sets among the weights, and once more in folders of their own: those are not looked at.
      const names = namesOf(folder)
      const within = (["vision", "speech"] as const).flatMap((name): ReadonlyArray<AdapterFigures> => {
        const lora = config.loras[name]
        return names.base === "" || lora === undefined ? [] : [{ name, rank: lora.r, scale: lora.lora_alpha / lora.r }]
      })
      const outside = ["vision", "speech"].filter((name) => !within.some((set) => set.name === name)).map((name) => ({ name, folder: `${name}-lora` }))
      const beside = yield* withAdapters(folder, outside, { weightsOptional: options.planOnly })
      const { checkpoint } = beside
      const chat = yield* openChat(checkpoint, { stops: ["<|end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      const adapters = [...within, ...beside.adapters]
      const tied = { ...config, tied: config.tied || !checkpoint.tensors.has("lm_head.weight") }
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(tied, names, adapters), skipped(tied))

      const workers = yield* Workers
      const producers = [
        ...options.producers,
        pictures({
          id: key,
          sizes: { side: vision.crop_size, patch: vision.patch_size, width: text.width },
          processor: processors.picture,
          maxCrops: processors.maxCrops,
          workers,
          graphs: { vision: graphs.vision, separators: graphs.separators }
        })
      ]
      const placeholders = { image: vision.image_token_id, audio: config.audio.audio_token_id }
      return openedModel({
        checkpoint,
        chat,
        modelType: String(checkpoint.config.model_type),
        producers: [...producers, { modality: "audio" }],
        planner: planner({
          tokenizer,
          template,
          producers,
          placeholders,
          adapters: adapters.map(({ name }) => name),
          sounds: sounds({
            id: key,
            width: text.width,
            config: config.audio,
            settings: processors.sound,
            workers,
            graphs: { rows: graphs.audio_rows, encoder: graphs.audio }
          })
        }),
        positions: oneAxis,
        attention: [attentionOf(config)],
        queryHeads: text.heads,
        decoder: Decoder.make({ ...llamaShape(text), adapters: adapters.map(({ name }) => name) }, { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        answers: { maxTokens: 1024 },
        reference: {
          placeholder: ({ modality }) => (modality === "image" ? placeholders.image : placeholders.audio),
          pictureLevel: pictureLevel(processors.picture.normalization)
        }
      })
    })
}
