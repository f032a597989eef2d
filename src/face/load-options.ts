import type { EmbeddingProducer } from "../core/embedding-producer.ts"
import type { WeightDType } from "../compile/weights.ts"
import type { LoadProgress } from "../session/family-module.ts"
import type { PrefillSettings } from "../session/prefill.ts"

/** How a model is loaded. Everything may be left out. */
export interface LoadOptions {
  /** Folder of a checkpoint. Default: the model in the package. */
  readonly model?: string
  /** How weights are stored. Default "fp32". */
  readonly dtype?: WeightDType
  /** Folder of compiled graphs. Default: SENSORIUM_CACHE_DIR, else the platform's cache folder. */
  readonly cacheDir?: string
  /** Path of ffmpeg. Default: FFMPEG_PATH, ffmpeg-static, PATH. */
  readonly ffmpeg?: string
  /** A tensor that nothing reads is an error. Default false. */
  readonly strict?: boolean
  /**
   * Loads the model to plan alone: `plan` and `graph` work, what would run a graph fails. Nothing is compiled, no weight is read, and a folder without weight files will
   * do. Default false.
   */
  readonly planOnly?: boolean
  /** Producers that stand in for the family's own of the same modality, or beside them. */
  readonly producers?: ReadonlyArray<EmbeddingProducer<Readonly<Record<string, never>>>>
  /** Bytes of encoded media kept for later questions. Default 256 MiB; 0 keeps none. */
  readonly encoderCacheBytes?: number
  /** Whether addresses that point inside (loopback, private) may be read. Default false. */
  readonly allowPrivateAddresses?: boolean
  /** Bounds of prefill: rows and score bytes of one run, chunks that wait. */
  readonly prefill?: Partial<PrefillSettings>
  /** Threads within one operation. Default: the backend's. */
  readonly threads?: number
  readonly onProgress?: (progress: LoadProgress) => void
}
