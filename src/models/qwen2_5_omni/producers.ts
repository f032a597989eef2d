import type { EmbeddingProducer } from "../../core/embedding-producer.ts"
import type { Workers } from "../../worker/workers.ts"
import type { AudioEncoder } from "./audio-encoder.ts"
import type { OmniConfig } from "./config.ts"
import { imageProducer, videoProducer } from "./picture-producers.ts"
import type { NoSettings } from "./planner.ts"
import type { ProcessorSettings } from "./processor-settings.ts"
import { soundProducer } from "./sound-producer.ts"
import type { VisionEncoder } from "./vision-encoder.ts"

/** What the family's producers are made with. */
export interface ProducerParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly config: OmniConfig
  readonly settings: ProcessorSettings
  readonly workers: Workers["Service"]
  readonly vision: VisionEncoder
  readonly audio: AudioEncoder
}

/** Producers of pictures, clips and recordings. */
export const producersOf = ({ audio, config, id, settings, vision, workers }: ProducerParts): ReadonlyArray<EmbeddingProducer<NoSettings>> => {
  const width = config.text_config.hidden_size
  const pictures = { id, width, settings, workers, encoder: vision }
  return [imageProducer(pictures), videoProducer(pictures), soundProducer({ id, width, settings: settings.sound, workers, encoder: audio })]
}
