import { Effect } from "effect"
import { pictureLevel } from "../../../modalities/image/picture-processor.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { partEncoder } from "./encoder.ts"
import { graphsOf, headOf, skipped } from "./graphs.ts"
import { clips, partOptions, pictures } from "./parts.ts"
import { planner } from "./planner.ts"
import { readSlices } from "./processor-settings.ts"
import { positionsTable, slicingTable } from "./tables.ts"

/** MiniCPM-V 2.6 (published remote code) and 4.6 (transformers 5.18 `minicpmv4_6`). */
export const family: FamilyModule = {
  modelTypes: ["minicpmv", "minicpmv4_6"],
  card: { slicing: "slices by shape with marker tokens", projector: "2.6: perceiver resampler with 2D positions; 4.6: window merger", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { modelType, rows, text } = config
      const hasModes = modelType === "minicpmv4_6"
      const pictureSlices = yield* readSlices(checkpoint, config, "image_processor")
      const clipSlices = hasModes && rows?.video !== undefined ? yield* readSlices(checkpoint, config, "video_processor") : undefined
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat
      const idOf = (name: string) => {
        const id = tokenizer.controlId(name)
        return id === undefined
          ? Effect.fail(new CheckpointUnreadable({ stage: "load", path: checkpoint.folder, message: `${checkpoint.folder}: the tokenizer has no ${name}` }))
          : Effect.succeed(id)
      }
      const pair = ([start, end]: readonly [string, string]) => Effect.all([idOf(start), idOf(end)])
      const { markers } = pictureSlices
      const ids = { image: yield* pair(markers.image), slice: yield* pair(markers.slice), id: yield* pair(markers.id) }
      const image = rows?.image ?? (yield* idOf(markers.row))

      const tied = config.tied || !checkpoint.tensors.has(headOf(config))
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, tied), skipped(config, tied))

      const encoder = partEncoder(config, graphs)
      const parts = { id: key, width: text.width, workers: yield* Workers, encoder, hasModes }
      const producers = [...options.producers, pictures(parts, pictureSlices), ...(clipSlices === undefined ? [] : [clips(parts, clipSlices)])]
      return openedModel({
        checkpoint,
        chat,
        modelType,
        producers,
        planner: planner({
          tokenizer,
          template,
          producers,
          markers: ids,
          useId: { image: pictureSlices.useId, video: pictureSlices.useId },
          placeholders: rows === undefined ? undefined : { image: rows.image, ...(rows.video === undefined ? {} : { video: rows.video }) }
        }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        // As the published chat() samples.
        answers: { maxTokens: 1024, temperature: 0.7, topK: 100, topP: 0.8, repeatPenalty: 1.05 },
        reference: {
          placeholder: ({ modality }) => (modality === "video" ? (rows?.video ?? image) : image),
          pictureLevel: pictureLevel(pictureSlices.normalization),
          options: partOptions,
          tables: { "slicing.json": slicingTable(encoder.unit, hasModes), ...(hasModes ? {} : { "positions.json": positionsTable }) }
        }
      })
    })
}
