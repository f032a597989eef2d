import { Effect, Layer, type Scope } from "effect"
import { layerWith } from "../backend/layer.ts"
import type { Backend } from "../backend/backend.ts"
import { ModelCache } from "../cache/model-cache.ts"
import { openCheckpoint } from "../checkpoint/checkpoint.ts"
import { type LoadError, ModelUnknown, OptionInvalid } from "../core/errors.ts"
import type { MediaOpener } from "../core/source.ts"
import type { LoadedModel } from "../session/model.ts"
import { Workers } from "../worker/workers.ts"
import { defaultModelFolder } from "./default-model.ts"
import { families } from "./families.ts"
import type { LoadOptions } from "./load-options.ts"
import { mediaOpener } from "./media-opener.ts"
import { nearest } from "./nearest-name.ts"

/** What loading and asking run on; a program may provide its own. */
export type LoadServices = Backend | ModelCache | Workers | MediaOpener

/** Everything that a model runs on, as it is when nothing is provided. */
export const services = (options: LoadOptions = {}): Layer.Layer<LoadServices, LoadError> => {
  const workers = Workers.layer()
  return Layer.mergeAll(
    layerWith(options.threads === undefined ? {} : { threads: options.threads }),
    ModelCache.layer(options.cacheDir === undefined ? {} : { folder: options.cacheDir }),
    workers,
    mediaOpener(options).pipe(Layer.provide(workers))
  )
}

/** Opens a checkpoint with the family that runs its `model_type`. The scope owns its graphs. */
export const loadModel = (options: LoadOptions = {}): Effect.Effect<LoadedModel, LoadError, LoadServices | Scope.Scope> =>
  Effect.gen(function* () {
    const { dtype = "fp32" } = options
    if (dtype !== "fp32" && dtype !== "fp16") {
      return yield* new OptionInvalid({ stage: "load", option: "dtype", message: `dtype ${String(dtype)} is not there yet; there are fp32 and fp16` })
    }
    const cache = yield* ModelCache
    const planOnly = options.planOnly ?? false
    const checkpoint = yield* openCheckpoint(options.model ?? (yield* defaultModelFolder), { hashes: cache.hashes, weights: planOnly ? "optional" : true })
    const modelType = String(checkpoint.config.model_type)
    const entry = families.find(({ modelTypes }) => modelTypes.includes(modelType))
    if (entry === undefined) {
      const known = families.flatMap(({ modelTypes }) => modelTypes).sort()
      const best = nearest(modelType, known)
      return yield* new ModelUnknown({
        stage: "load",
        modelType,
        known,
        nearest: best,
        message: `${checkpoint.folder}: model_type ${modelType} is not known; the nearest is ${best}, known are ${known.join(", ")}`
      })
    }
    const family = yield* Effect.promise(() => entry.load())
    const { onProgress } = options
    return yield* family.open(checkpoint, {
      dtype,
      strict: options.strict ?? false,
      planOnly,
      producers: options.producers ?? [],
      onProgress: (progress) => Effect.sync(() => onProgress?.(progress)),
      onUnread: (names) =>
        names.length === 0
          ? Effect.void
          : Effect.logWarning(
              `${names.length} tensors of ${checkpoint.folder} are read by nothing: ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", ..." : ""}`
            )
    })
  })
