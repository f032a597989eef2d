import { Context } from "effect"
import type { Family } from "../core/family.ts"
import type { Decoder } from "./decoder.ts"

/** Turns token ids into text as they come, never cutting a character in two. */
export interface TextStream {
  /** Text that is complete with this token; may be empty. */
  readonly push: (token: number) => string
  /** What was held back. */
  readonly end: () => string
}

/** How an answer is sampled where a question does not say; from the checkpoint's generation_config.json, else the family's published utility. */
export interface GenerationDefaults {
  readonly maxTokens: number
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repeatPenalty: number
}

/** All that a session needs of a loaded model. A family's folder makes it of a checkpoint. */
export interface LoadedModel {
  /** For messages: the checkpoint's folder, or the name of the model in the package. */
  readonly name: string
  readonly modelType: string
  readonly family: Family["Service"]
  readonly decoder: Decoder
  readonly textStream: () => TextStream
  /** Tokens that end an answer; they are not part of it. */
  readonly stopTokens: ReadonlySet<number>
  /** Rows of a prompt and its answer together. */
  readonly contextRows: number
  readonly defaults: GenerationDefaults
}

/** The loaded model, for programs that are written against it. */
export class Model extends Context.Service<Model, LoadedModel>()("sensorium/session/Model") {}
