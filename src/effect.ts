/**
 * Sensorium with Effect: the same library as services, layers, streams and typed errors.
 *
 * @module
 */
export {
  Backend,
  type Capabilities,
  type Graph as BackendGraph,
  type HeldTensor,
  type LoadOptions as BackendLoadOptions,
  type Port,
  type Value
} from "./backend/backend.ts"
export * from "./core/errors.ts"
export * as Producer from "./core/embedding-producer.ts"
export type { EmbeddingChunk } from "./core/embedding-chunk.ts"
export type { MediaPlan, Piece, PlannedMedia } from "./core/media-plan.ts"
export { type Media as OpenedMedia, MediaOpener, type MediaRef, type OpenMedia, type Source } from "./core/source.ts"
export { saveRows } from "./face/embedding-file.ts"
export type { LoadOptions } from "./face/load-options.ts"
export { type LoadServices, services } from "./face/load-model.ts"
export * as Media from "./face/media.ts"
export { type ChatOptions, type QuestionOptions, Sensorium, type SensoriumService } from "./face/sensorium.ts"
export type { AskEvent, AskOptions, FinishReason, Usage } from "./session/ask.ts"
export type { Chat } from "./session/chat.ts"
export type { KeptRows } from "./session/kept-rows.ts"
export type { LoadedModel } from "./session/model.ts"
export type { ChatMessage, ContentPart, MediaValue, Question } from "./session/open-prompt.ts"
export type { MediaSummary, PieceSummary, PlanSummary } from "./session/plan-summary.ts"
export * as Graph from "./session/prompt-graph.ts"
