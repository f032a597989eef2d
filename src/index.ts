/**
 * Sensorium for everyone: ask a local model about text, pictures, clips with their sound, and recordings.
 *
 * @module
 */
import * as errors from "./core/errors.ts"
import type { SensoriumError } from "./core/errors.ts"

export type { SensoriumError, Stage } from "./core/errors.ts"
export type { Piece } from "./core/media-plan.ts"
export { saveRows as saveRowsEffect } from "./face/embedding-file.ts"
export { embeddings } from "./face/embedding-file.ts"
export type { LoadOptions } from "./face/load-options.ts"
export {
  audio,
  type AudioOptions,
  type FamilyOptions,
  image,
  type ImageOptions,
  media,
  type SourceInput,
  video,
  type VideoOptions
} from "./face/media-values.ts"
export { type Cancellable, Chat, load, Model } from "./face/plain-model.ts"
export { producer, type ProducerDefinition, type ValuePlan, type ValueProducer } from "./face/producer.ts"
export { type Answer, Run } from "./face/run.ts"
export type { ChatOptions, QuestionOptions } from "./face/sensorium.ts"
export type { AskEvent, AskOptions, FinishReason, Usage } from "./session/ask.ts"
export type { LoadProgress } from "./session/family-module.ts"
export type { KeptRows } from "./session/kept-rows.ts"
export type { ChatMessage, ContentPart, MediaValue, Question } from "./session/open-prompt.ts"
export type { MediaSummary, PieceSummary, PlanSummary } from "./session/plan-summary.ts"
export { draw as drawGraph, type GraphNode } from "./session/prompt-graph.ts"

/** Whether an error is this library's: it then has a `_tag`, a `stage`, figures, and a message. */
export const isSensoriumError = (error: unknown): error is SensoriumError =>
  error instanceof Error && Object.values(errors).some((one) => typeof one === "function" && error instanceof one)
