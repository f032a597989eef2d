import { Effect, Layer } from "effect"
import type { Scope } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import type { BackendSettings } from "../backend-settings.ts"
import { Backend } from "../backend.ts"
import type { Graph, LoadOptions } from "../backend.ts"
import { portsOf } from "../run-check.ts"
import { holdTensor } from "./held-values.ts"
import { turns } from "./native-calls.ts"
import type { InTurn } from "./native-calls.ts"
import { nativeRun, NameLists, RunOptionsPool } from "./native-run.ts"
import { openSession } from "./native-session.ts"
import { openLibrary } from "./ort-library.ts"
import type { OrtLibrary } from "./ort-library.ts"
import { readPorts } from "./read-ports.ts"

const load =
  (library: OrtLibrary, settings: BackendSettings, inTurn: InTurn) =>
  (model: string | Uint8Array, options: LoadOptions): Effect.Effect<Graph, BackendFailure, Scope.Scope> =>
    Effect.gen(function* () {
      const pool = new RunOptionsPool(library)
      // Finalizers run in reverse: the session's waits for its runs, then the pool is complete.
      yield* Effect.addFinalizer(() => Effect.sync(() => pool.close()))
      const session = yield* openSession(library, settings, inTurn, model, options)
      const [inputs, outputs] = yield* Effect.try({
        try: () => [readPorts(library, session.address, "input"), readPorts(library, session.address, "output")] as const,
        catch: (cause) =>
          new BackendFailure({
            stage: "load",
            graph: options.name,
            message: `graph "${options.name}": ${cause instanceof Error ? cause.message : String(cause)}`
          })
      })
      const ports = portsOf(options.name, options.stage ?? "encode", inputs, outputs)
      return { name: options.name, inputs, outputs, run: nativeRun(library, session, ports, pool, new NameLists(library), inTurn) }
    })

/**
 * ONNX Runtime through the C API of onnxruntime-node's own library: runs off the event loop, can be stopped, and updates a key-value cache in place.
 * Fails where the library or koffi cannot be opened, or is of a version that is not known.
 */
export const layerCApi = (settings: BackendSettings = {}): Layer.Layer<Backend, BackendFailure> =>
  Layer.effect(
    Backend,
    Effect.gen(function* () {
      const library = yield* openLibrary
      return {
        name: `ONNX Runtime ${library.version}, C API`,
        capabilities: { quiet: true, cancel: true, inPlace: true },
        load: load(library, settings, turns(settings.concurrency)),
        hold: (tensor) => holdTensor(library, tensor)
      }
    })
  )
