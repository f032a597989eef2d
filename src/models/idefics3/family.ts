import { Effect } from "effect"
import { pictureLevel } from "../../../modalities/image/picture-processor.ts"
import { llamaAttention, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { patchesAcross } from "../../compile/blocks/siglip-vision.ts"
import { tileEncoder } from "../../compile/blocks/tile-encoder.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { openChatTemplate } from "../../text/chat-template.ts"
import { Workers } from "../../worker/workers.ts"
import { parseConfig } from "./config.ts"
import { graphsOf } from "./graphs.ts"
import { clipTemplate, planner } from "./planner.ts"
import { readClipTiles, readPictureTiles } from "./processor-settings.ts"
import { clips, pictureOptions, pictures } from "./tiles.ts"

/** Idefics3 (pictures) and SmolVLM (pictures and clips); transformers 5.18 `idefics3`, `smolvlm`. */
export const family: FamilyModule = {
  modelTypes: ["idefics3", "smolvlm"],
  card: { slicing: "grid of tiles with row and column markers, global picture last", projector: "pixel shuffle, one product", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const { modelType, row, text, tileRows, vision } = config
      const side = vision.image_size
      const pictureTiles = yield* readPictureTiles(checkpoint, side)
      const clipTiles = modelType === "smolvlm" ? yield* readClipTiles(checkpoint, side) : undefined
      const chat = yield* openChat(checkpoint, { stops: ["<end_of_utterance>"] })
      const { template, tokenizer } = chat
      const fake = tokenizer.controlId("<fake_token_around_image>")
      if (fake === undefined) {
        return yield* new CheckpointUnreadable({
          stage: "load",
          path: checkpoint.folder,
          message: `${checkpoint.folder}: the tokenizer has no <fake_token_around_image>`
        })
      }

      const tied = config.tied || !checkpoint.tensors.has("lm_head.weight")
      const { graphs, key } = yield* openGraphs(checkpoint, options, graphsOf(config, tied), (name) => tied && name === "lm_head.weight")

      const encoder = tileEncoder(
        { side, channels: vision.num_channels, patches: patchesAcross(vision) ** 2, rows: tileRows, width: text.width },
        graphs.vision
      )
      const parts = { id: key, width: text.width, workers: yield* Workers, encoder }
      const producers = [...options.producers, pictures(parts, pictureTiles), ...(clipTiles === undefined ? [] : [clips(parts, clipTiles)])]
      return openedModel({
        checkpoint,
        chat,
        modelType,
        producers,
        planner: planner({ tokenizer, template, clipTemplate: yield* openChatTemplate({ jinja: clipTemplate }, tokenizer), producers, ids: { row, fake } }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        answers: { maxTokens: 1024 },
        reference: { placeholder: () => row, pictureLevel: pictureLevel(pictureTiles.normalization), options: pictureOptions }
      })
    })
}
