import { Effect } from "effect"
import type { Scope } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import { defaultThreads, spinEntries } from "../backend-settings.ts"
import type { BackendSettings } from "../backend-settings.ts"
import type { LoadOptions } from "../backend.ts"
import { freed, opened } from "../live-handles.ts"
import { Uses } from "../uses.ts"
import { callAsync, inFreeingTurn } from "./native-calls.ts"
import type { InTurn } from "./native-calls.ts"
import { cPath, cString, fatal, made, must, takeFault } from "./ort-library.ts"
import type { Address } from "./ort-api.ts"
import type { OrtLibrary } from "./ort-library.ts"

const allOptimizations = 99

const createOptions = (library: OrtLibrary, settings: BackendSettings, threads: number | undefined): Address => {
  const { api } = library
  const options = made(api, (out) => api.createSessionOptions(out))
  opened("sessionOptions")
  try {
    must(api, api.setGraphOptimizationLevel(options, allOptimizations))
    must(api, api.setIntraOpThreads(options, threads ?? settings.threads ?? defaultThreads()))
    must(api, api.setSessionLogSeverityLevel(options, fatal))
    // The arena stays on: without it a prefill took twice as long (fresh pages for every product) and its peak was half as much again.
    // Patterns are kept for every set of input shapes that was ever seen, and shapes change from run to run.
    must(api, api.disableMemPattern(options))
    for (const [key, value] of Object.entries(spinEntries(settings))) must(api, api.addSessionConfigEntry(options, cString(key), cString(value)))
    return options
  } catch (error) {
    releaseOptions(library, options)
    throw error
  }
}

const releaseOptions = (library: OrtLibrary, options: Address): void => {
  library.api.releaseSessionOptions(options)
  freed("sessionOptions")
}

/** A session and the calls that use it. */
export interface NativeSession {
  readonly address: Address
  readonly uses: Uses
}

/** Waits for the running calls, then frees the session on Node's pool (joining its threads takes milliseconds). */
const closeSession = (library: OrtLibrary, session: NativeSession): Effect.Effect<void> =>
  session.uses.close(
    inFreeingTurn(
      callAsync({
        native: library.api.releaseSession,
        parameters: [session.address],
        kept: library,
        stop: () => {},
        ended: () => Effect.sync(() => freed("sessions"))
      })
    )
  )

/**
 * Loads a model off the event loop. The session is freed when the scope closes; interrupting stops the load and frees what there was of it.
 * External data lies beside a model's file.
 */
export const openSession = (
  library: OrtLibrary,
  settings: BackendSettings,
  inTurn: InTurn,
  model: string | Uint8Array,
  options: LoadOptions
): Effect.Effect<NativeSession, BackendFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { api } = library
    const failure = (cause: unknown) =>
      new BackendFailure({
        stage: "load",
        graph: options.name,
        message: `graph "${options.name}" cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`
      })
    let session: NativeSession | undefined
    // In the scope before there is anything to free, so that no moment is left in which an interruption could lose it.
    yield* Effect.addFinalizer(() => (session === undefined ? Effect.void : closeSession(library, session)))
    const create = Effect.suspend((): Effect.Effect<NativeSession, BackendFailure> => {
      let nativeOptions: Address
      try {
        nativeOptions = createOptions(library, settings, options.threads)
      } catch (error) {
        return Effect.fail(failure(error))
      }
      const out = new BigUint64Array(1)
      const common = {
        stop: () => void takeFault(api, api.setLoadCancellation(nativeOptions, true)),
        ended: (error: unknown, status: Address | null | undefined) => {
          releaseOptions(library, nativeOptions)
          const fault = error ?? takeFault(api, status ?? null)
          if (fault !== undefined && fault !== null) return Effect.fail(failure(fault))
          session = { address: out[0], uses: new Uses() }
          opened("sessions")
          return Effect.succeed(session)
        }
      }
      if (typeof model === "string") {
        const path = cPath(model)
        return callAsync({ ...common, native: api.createSession, parameters: [library.environment, path, nativeOptions, out], kept: path })
      }
      return callAsync({
        ...common,
        native: api.createSessionFromArray,
        parameters: [library.environment, model, model.byteLength, nativeOptions, out],
        kept: model
      })
    })
    return yield* inTurn(create).pipe(Effect.onInterrupt(() => (session === undefined ? Effect.void : closeSession(library, session))))
  })
