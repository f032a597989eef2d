import { nativePictures } from "../../../modalities/image/native-resolution.ts"
import type { PatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { type ClipDefaults, nativeClips } from "../../../modalities/video/native-resolution.ts"
import type { VisionEncoder } from "../../compile/blocks/rotary-vision-encoder.ts"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import type { Workers } from "../../worker/workers.ts"
import type { AudioEncoder } from "./audio-encoder.ts"
import type { OmniConfig } from "./config.ts"
import type { SoundSettings } from "./sound-settings.ts"
import { soundProducer } from "./sound-producer.ts"

/** What the family's producers are made with. */
export interface ProducerParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly config: OmniConfig
  readonly processors: PatchProcessors
  readonly sound: SoundSettings
  readonly workers: Workers["Service"]
  readonly vision: VisionEncoder
  readonly audio: AudioEncoder
}

/** What the published utility (qwen-omni-utils 0.0.8) does with a clip where nobody says otherwise. */
const clips: ClipDefaults = { bounds: "frame", minPixels: 128 * 28 * 28, maxPixels: 768 * 28 * 28, fps: 2, minFrames: 4, maxFrames: 768 }

/** Producers of pictures, clips and recordings. */
export const producersOf = ({ audio, config, id, processors, sound, vision, workers }: ProducerParts): ReadonlyArray<EmbeddingProducer<NoSettings>> => {
  const parts = { id, width: config.text_config.hidden_size, workers }
  return [
    // qwen-omni-utils lays RGBA pictures on white, and no others.
    nativePictures({ ...parts, encoder: vision, processor: processors.image, reads: { alpha: "white-rgba" } }),
    nativeClips({ ...parts, encoder: vision, processor: processors.video, clips }),
    soundProducer({ ...parts, settings: sound, encoder: audio })
  ]
}
