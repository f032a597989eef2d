/**
 * Media values of a question: pictures, recordings, clips, kept rows, and modalities of one's own.
 *
 * @module
 */
export { embeddings } from "./embedding-file.ts"
export { audio, type AudioOptions, type FamilyOptions, image, type ImageOptions, media, type SourceInput, video, type VideoOptions } from "./media-values.ts"
export { producer, type ProducerDefinition, type ValuePlan, type ValueProducer } from "./producer.ts"
