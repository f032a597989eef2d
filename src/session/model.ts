import { Context } from "effect"
import type { MediaPlan } from "../core/media-plan.ts"
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

/** What the published implementation's numbers are compared with; only `verify` reads it. */
export interface ReferenceView {
  /** The token that stands for a medium's rows in the reference's ids. */
  readonly placeholder: (plan: MediaPlan) => number
  /** Options of golden cases that are the family's own (camelCase), handed to media as they are. */
  readonly options: ReadonlyArray<string>
  /** One 8-bit level of a picture after normalization: the most by which a feature may differ. */
  readonly pictureLevel: number
  /** Whether cases hold `position_ids`. */
  readonly hasPositions: boolean
  /** Tables that a golden folder may hold beside its cases, by file name; each gives what differs, or nothing. */
  readonly tables: Readonly<Record<string, (table: unknown) => ReadonlyArray<string>>>
}

/** All that a session needs of a loaded model. A family's folder makes it of a checkpoint. */
export interface LoadedModel {
  /** For messages: the checkpoint's folder, or the name of the model in the package. */
  readonly name: string
  readonly modelType: string
  readonly family: Family["Service"]
  /** Modalities that it takes beside text. */
  readonly modalities: ReadonlyArray<string>
  readonly decoder: Decoder
  readonly textStream: () => TextStream
  /** Tokens that end an answer; they are not part of it. */
  readonly stopTokens: ReadonlySet<number>
  /** Rows of a prompt and its answer together. */
  readonly contextRows: number
  readonly defaults: GenerationDefaults
  readonly reference: ReferenceView
}

/** The loaded model, for programs that are written against it. */
export class Model extends Context.Service<Model, LoadedModel>()("sensorium/session/Model") {}
