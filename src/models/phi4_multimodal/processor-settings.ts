import { Effect, Schema } from "effect"
import { halves, type PictureProcessor, processorFile, readPictureProcessor } from "../../../modalities/image/picture-processor.ts"
import type { FilterBankSettings } from "../../../modalities/audio/filter-bank.ts"
import { sampleRateHz } from "../../../modalities/audio/audio-media.ts"
import type { Checkpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, int, number, record } from "../../checkpoint/config-fields.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import type { PhiConfig } from "./config.ts"

const Pictures = Schema.Struct({ dynamic_hd: int(36), patch_size: int(14), size: Schema.Struct({ height: int(448), width: int(448) }) })

const Sounds = Schema.Struct({
  feature_size: int(80),
  sampling_rate: int(sampleRateHz),
  hop_length: int(160),
  n_fft: int(512),
  win_length: int(400),
  preemphasis: number(0.97),
  mel_min_frequency: number(0),
  mel_max_frequency: number(7690),
  audio_compression_rate: int(8),
  audio_downsample_rate: int(1),
  audio_feat_stride: int(1)
})

/** What a checkpoint's processors say. */
export interface PhiProcessors {
  readonly picture: PictureProcessor
  /** Crops at the most (`dynamic_hd`). */
  readonly maxCrops: number
  readonly sound: FilterBankSettings
}

/** Reads them from preprocessor_config.json (as published), or from the sections of processor_config.json. Fails with `CheckpointUnreadable` where they are not the model's. */
export const readProcessors = (checkpoint: Checkpoint, { audio, vision }: PhiConfig): Effect.Effect<PhiProcessors, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const path = `${checkpoint.folder}: processor settings`
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path: checkpoint.folder, message: `${path}: ${field} ${why}` })
    const file = yield* processorFile(checkpoint, "image_processor")
    // The overview's filter is `resample`; crops are always resized by the default one.
    const picture = yield* readPictureProcessor(file, path, { filter: "bicubic", mean: halves, std: halves, arithmetic: "torchvision" })
    const { dynamic_hd: maxCrops, patch_size, size } = yield* decodeConfig(Pictures, { ...file, size: record(file.size) }, path)
    if (size.height !== vision.crop_size || size.width !== vision.crop_size || patch_size !== vision.patch_size) {
      return yield* refuse(
        "size",
        `is ${size.width} x ${size.height}, patches of ${patch_size}; the model has crops of ${vision.crop_size}, patches of ${vision.patch_size}`
      )
    }
    if (picture.resample.filter !== "bicubic") return yield* refuse("resample", `is ${picture.resample.filter}; bicubic is run here`)
    if (maxCrops < 1) return yield* refuse("dynamic_hd", `is ${maxCrops}`)
    const later = record(yield* checkpoint.json("processor_config.json"))
    const own =
      "audio_processor" in later
        ? later.audio_processor
        : "feature_extractor" in later
          ? later.feature_extractor
          : yield* checkpoint.json("preprocessor_config.json")
    const sound = yield* decodeConfig(Sounds, record(own), path)
    if (sound.sampling_rate !== sampleRateHz) return yield* refuse("sampling_rate", `is ${sound.sampling_rate}; sound is read at ${sampleRateHz}`)
    if (sound.feature_size !== audio.input_size) return yield* refuse("feature_size", `is ${sound.feature_size}; the encoder takes ${audio.input_size}`)
    if (sound.audio_downsample_rate !== 1 || sound.audio_feat_stride !== 1)
      return yield* refuse("audio_downsample_rate", `is ${sound.audio_downsample_rate}, audio_feat_stride ${sound.audio_feat_stride}; both must be 1`)
    if (sound.audio_compression_rate !== audio.time_reduction)
      return yield* refuse("audio_compression_rate", `is ${sound.audio_compression_rate}; the encoder reduces by ${audio.time_reduction}`)
    if (sound.hop_length < 1 || sound.win_length < 2 || sound.n_fft < sound.win_length)
      return yield* refuse("win_length", `is ${sound.win_length}, n_fft ${sound.n_fft}, hop_length ${sound.hop_length}`)
    return {
      picture: { ...picture, resample: { filter: "bilinear", rounding: "torchvision" } },
      maxCrops,
      sound: {
        fftSize: sound.n_fft,
        hop: sound.hop_length,
        windowLength: sound.win_length,
        bins: sound.feature_size,
        sampleRateHz,
        minHertz: sound.mel_min_frequency,
        maxHertz: sound.mel_max_frequency,
        preemphasis: sound.preemphasis
      }
    }
  })
