import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import type { EmbeddingProducer } from "../core/embedding-producer.ts"
import { Family } from "../core/family.ts"
import type { Chat } from "./checkpoint-text.ts"
import type { Decoder } from "./decoder.ts"
import type { GenerationDefaults, LoadedModel, ReferenceView } from "./model.ts"

/** Greedy, where neither the checkpoint nor the family's published utility says otherwise. */
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1 }

/** What a family has made of a checkpoint. */
export interface OpenedParts extends Omit<Family["Service"], "levels"> {
  readonly checkpoint: Checkpoint
  readonly modelType: string
  readonly chat: Chat
  /** Modalities that it takes come from these. */
  readonly producers: ReadonlyArray<Pick<EmbeddingProducer<never>, "modality">>
  readonly decoder: Decoder
  /** Extra tensors that the decoder adds at media rows; 0 where it is not said. */
  readonly levels?: number
  /** Rows of a prompt and its answer together. */
  readonly contextRows: number
  /** How the family's published utility answers, where the checkpoint does not say. */
  readonly answers: Partial<GenerationDefaults> & Pick<GenerationDefaults, "maxTokens">
  /** Without options, positions or tables where they are not said. */
  readonly reference: Partial<ReferenceView> & Pick<ReferenceView, "placeholder" | "pictureLevel">
}

/** The model that a session works with: a family's parts, with the defaults that all families share. */
export const openedModel = (parts: OpenedParts): LoadedModel => {
  const { answers, attention, chat, checkpoint, contextRows, decoder, levels = 0, modelType, planner, positions, producers, queryHeads } = parts
  return {
    name: checkpoint.folder,
    modelType,
    modalities: [...new Set(producers.map(({ modality }) => modality))],
    family: Family.of({ planner, positions, attention, queryHeads, levels }),
    decoder,
    textStream: () => chat.tokenizer.stream(),
    stopTokens: chat.stopTokens,
    contextRows,
    defaults: { ...GREEDY, ...answers, ...chat.sampling },
    reference: { options: [], hasPositions: false, tables: {}, ...parts.reference }
  }
}
