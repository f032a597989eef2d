import { Effect, Layer } from "effect"
import { OptionInvalid } from "../core/errors.ts"
import type { BackendFailure } from "../core/errors.ts"
import type { BackendSettings } from "./backend-settings.ts"
import type { Backend } from "./backend.ts"
import { layerCApi } from "./c-api/layer.ts"
import { layerJsBinding } from "./js-binding/layer.ts"

/** The environment variable that forces one backend: `c` or `js`. */
export const backendVariable = "SENSORIUM_BACKEND"

/** The first of two backends, or, with one warning in the log, the second where the first cannot be opened. */
export const fallingBack = (first: Layer.Layer<Backend, BackendFailure>, second: Layer.Layer<Backend, BackendFailure>): Layer.Layer<Backend, BackendFailure> =>
  first.pipe(
    Layer.catch((failure: BackendFailure) =>
      Layer.unwrap(
        Effect.as(
          Effect.logWarning(
            `${failure.message}. onnxruntime-node's JavaScript binding runs the graphs instead: a run blocks the event loop and cannot be stopped.`
          ),
          second
        )
      )
    )
  )

/**
 * The backend: ONNX Runtime's C API, or the JavaScript binding (with one line in the log) where that cannot be opened. `SENSORIUM_BACKEND` forces one of the two.
 * Fails where neither can be loaded, or the forced one cannot, or the variable or a setting has no such value.
 */
export const layerWith = (settings: BackendSettings): Layer.Layer<Backend, BackendFailure | OptionInvalid> =>
  Layer.unwrap(
    Effect.suspend((): Effect.Effect<Layer.Layer<Backend, BackendFailure>, OptionInvalid> => {
      const forced = process.env[backendVariable]
      const invalid = (option: string, message: string) => Effect.fail(new OptionInvalid({ stage: "load", option, message }))
      for (const [option, least, most] of [
        ["threads", 1, 1024],
        ["concurrency", 1, 3],
        ["spinMicroseconds", 0, 10_000]
      ] as const) {
        const value = settings[option]
        if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most)) {
          return invalid(option, `${option} is ${value}; it takes a whole number from ${least} to ${most}`)
        }
      }
      if (forced === undefined || forced === "") return Effect.succeed(fallingBack(layerCApi(settings), layerJsBinding(settings)))
      if (forced === "c") return Effect.succeed(layerCApi(settings))
      if (forced === "js") return Effect.succeed(layerJsBinding(settings))
      return invalid(backendVariable, `${backendVariable} is "${forced}"; it takes c (the C API) or js (the JavaScript binding)`)
    })
  )

/** The backend with its default settings. */
export const layer: Layer.Layer<Backend, BackendFailure | OptionInvalid> = layerWith({})
