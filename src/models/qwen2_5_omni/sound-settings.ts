import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, int, record } from "../../checkpoint/config-fields.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"

/** Settings of WhisperFeatureExtractor. */
const SoundSettings = Schema.Struct({
  feature_size: int(128),
  sampling_rate: int(16000),
  hop_length: int(160),
  n_fft: int(400),
  /** Seconds of the extractor's window. */
  chunk_length: int(300)
})

/** Settings of sound, read. */
export type SoundSettings = typeof SoundSettings.Type

/** Reads them from preprocessor_config.json (as published, beside those of pictures), or from a section of processor_config.json. */
export const readSoundSettings = (checkpoint: Checkpoint): Effect.Effect<SoundSettings, CheckpointUnreadable> => Effect.gen(function*() {
  const later = record(yield* checkpoint.json("processor_config.json"))
  const own = "feature_extractor" in later ? later.feature_extractor : yield* checkpoint.json("preprocessor_config.json")
  return yield* decodeConfig(SoundSettings, record(own), `${checkpoint.folder}: processor settings`)
})
