import { Effect } from "effect"
import { llamaAttention, llamaGraphs, llamaShape } from "../../compile/blocks/llama-decoder.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { parseConfig } from "./config.ts"

/** The published template knows text alone, so no token stands for a medium. */
const NO_TOKEN = -1

/** Qwen2 and Qwen2.5: text, and whatever a program's own producers make rows of, where its parts stand (transformers 5.18 `qwen2`). */
export const family: FamilyModule = {
  modelTypes: ["qwen2"],
  card: { slicing: "no pictures", projector: "none", positions: "one axis" },
  open: (checkpoint, options) =>
    Effect.gen(function* () {
      const config = yield* parseConfig(checkpoint.config, `${checkpoint.folder}/config.json`)
      const chat = yield* openChat(checkpoint, { stops: ["<|im_end|>", "<|endoftext|>"] })
      const { template, tokenizer } = chat

      // Only where it is said: a head that is missing otherwise is an error, not the token table.
      const tied = config.tied === true
      const sources = llamaGraphs(config, { model: "model", head: "lm_head", tied, qkvBias: true })
      const { graphs } = yield* openGraphs(checkpoint, options, sources, (name) => tied && name === "lm_head.weight")

      const { producers } = options
      return openedModel({
        checkpoint,
        chat,
        modelType: "qwen2",
        producers,
        planner: placeholderPlanner({ tokenizer, template, producers, placeholders: {}, partsJoinedBy: "" }),
        positions: oneAxis,
        attention: [llamaAttention(config)],
        queryHeads: config.heads,
        decoder: Decoder.make(llamaShape(config), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: config.maxPositions,
        answers: { maxTokens: 1024 },
        reference: { placeholder: () => NO_TOKEN, pictureLevel: 0 }
      })
    })
}
