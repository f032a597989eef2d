import { Effect, Schema } from "effect"
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts"
import { decodeConfig, int, record } from "../../src/checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../src/core/errors.ts"
import { sampleRateHz } from "./audio-media.ts"
import type { LogMelSettings } from "./log-mel.ts"

const Settings = (seconds: number) =>
  Schema.Struct({
    feature_size: int(128),
    sampling_rate: int(sampleRateHz),
    hop_length: int(160),
    n_fft: int(400),
    /** Seconds of the extractor's window. */
    chunk_length: int(seconds)
  })

/**
 * Settings of WhisperFeatureExtractor: from preprocessor_config.json (as published, beside those of pictures), or from a section of processor_config.json.
 * `seconds`: the window where the file does not say.
 */
export const readWhisperSettings = (checkpoint: Checkpoint, seconds: number): Effect.Effect<LogMelSettings, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const later = record(yield* checkpoint.json("processor_config.json"))
    const own = "feature_extractor" in later ? later.feature_extractor : yield* checkpoint.json("preprocessor_config.json")
    const path = `${checkpoint.folder}: processor settings`
    const { chunk_length, feature_size, hop_length, n_fft, sampling_rate } = yield* decodeConfig(Settings(seconds), record(own), path)
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path: checkpoint.folder, message: `${path}: ${field} ${why}` })
    if (sampling_rate !== sampleRateHz) return yield* refuse("sampling_rate", `is ${sampling_rate}; sound is read at ${sampleRateHz}`)
    for (const [field, value] of Object.entries({ chunk_length, feature_size, hop_length, n_fft })) if (value < 1) return yield* refuse(field, `is ${value}`)
    return { bins: feature_size, fftSize: n_fft, hop: hop_length, sampleRateHz: sampling_rate, windowSeconds: chunk_length }
  })
