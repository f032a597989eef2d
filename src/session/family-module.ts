import type { Effect, Scope } from "effect"
import type { Backend } from "../backend/backend.ts"
import type { ModelCache } from "../cache/model-cache.ts"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import type { WeightDType } from "../compile/weights.ts"
import type { EmbeddingProducer } from "../core/embedding-producer.ts"
import type { LoadError } from "../core/errors.ts"
import type { Workers } from "../worker/workers.ts"
import type { LoadedModel } from "./model.ts"

/** What loading goes through, for whoever shows it. */
export interface LoadProgress {
  readonly stage: "compile" | "load"
  /** Bytes of weights written so far, of all; 0 of 0 where nothing is compiled. */
  readonly bytes: number
  readonly totalBytes: number
}

/** How a family opens a checkpoint. */
export interface OpenModelOptions {
  readonly dtype: WeightDType
  /** A tensor that nothing reads is an error, not a line in the report. */
  readonly strict: boolean
  /** Opened to plan alone: nothing is compiled, no graph is loaded, and a checkpoint without weight files will do. */
  readonly planOnly: boolean
  /** Producers that stand in for the family's own of the same modality, or beside them. */
  readonly producers: ReadonlyArray<EmbeddingProducer<Readonly<Record<string, never>>>>
  readonly onProgress: (progress: LoadProgress) => Effect.Effect<void>
  /** Tensors that nothing read, for the report. */
  readonly onUnread: (names: ReadonlyArray<string>) => Effect.Effect<void>
}

/** What a family opens with. */
export type OpenModelServices = Backend | ModelCache | Workers | Scope.Scope

/** What is particular about a family, in a few words: a line of docs/families.md. */
export interface FamilyCard {
  /** How pictures are cut. */
  readonly slicing: string
  readonly projector: string
  readonly positions: string
}

/** What a folder under `src/models` exports as `family`. */
export interface FamilyModule {
  /** `model_type` in config.json. */
  readonly modelTypes: ReadonlyArray<string>
  readonly card: FamilyCard
  /** Checks the checkpoint, compiles what is not compiled yet, loads the graphs; `planOnly`: checks the settings. */
  readonly open: (checkpoint: Checkpoint, options: OpenModelOptions) => Effect.Effect<LoadedModel, LoadError, OpenModelServices>
}
