import type { LogMelSettings } from "../../../modalities/audio/log-mel.ts"
import { logMelSounds } from "../../../modalities/audio/log-mel-sounds.ts"
import { nativePictures } from "../../../modalities/image/native-resolution.ts"
import type { PatchProcessors } from "../../../modalities/image/patch-processor.ts"
import { nativeClips, utilityClips } from "../../../modalities/video/native-resolution.ts"
import type { VisionEncoder } from "../../compile/blocks/rotary-vision-encoder.ts"
import { pooledRows } from "../../compile/blocks/whisper-rows.ts"
import type { EmbeddingProducer, NoSettings } from "../../core/embedding-producer.ts"
import type { Workers } from "../../worker/workers.ts"
import { type AudioEncoder, encodeAudio, WINDOWS_A_RUN } from "./audio-encoder.ts"
import type { OmniConfig } from "./config.ts"

/** What the family's producers are made with. */
export interface ProducerParts {
  /** Fingerprint of the weights. */
  readonly id: string
  readonly config: OmniConfig
  readonly processors: PatchProcessors
  readonly mel: LogMelSettings
  readonly workers: Workers["Service"]
  readonly vision: VisionEncoder
  readonly audio: AudioEncoder
}

/** Producers of pictures, clips and recordings. */
export const producersOf = ({ audio, config, id, mel, processors, vision, workers }: ProducerParts): ReadonlyArray<EmbeddingProducer<NoSettings>> => {
  const parts = { id, width: config.text_config.hidden_size, workers }
  return [
    // qwen-omni-utils lays RGBA pictures on white, and no others.
    nativePictures({ ...parts, encoder: vision, processor: processors.image, reads: { alpha: "white-rgba" } }),
    nativeClips({ ...parts, encoder: vision, processor: processors.video, clips: utilityClips }),
    logMelSounds({
      ...parts,
      mel,
      blockFrames: audio.windowFrames * WINDOWS_A_RUN,
      rowsOf: pooledRows,
      encode: (features, plan) => encodeAudio(audio, features, plan)
    })
  ]
}
