import { silenceTelemetry } from "../quiet-runtime.ts"
import { Effect, Layer, Semaphore } from "effect"
import type { Scope } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import { bytesOf } from "../../tensor/tensor.ts"
import type { DType, Tensor } from "../../tensor/tensor.ts"
import { defaultThreads, spinEntries } from "../backend-settings.ts"
import type { BackendSettings } from "../backend-settings.ts"
import { Backend } from "../backend.ts"
import type { Graph, HeldTensor, LoadOptions, Port, Value } from "../backend.ts"
import { freed, opened } from "../live-handles.ts"
import { checkRun, portsOf, tensorFault, tensorOf } from "../run-check.ts"
import type { Ports } from "../run-check.ts"
import { Uses } from "../uses.ts"

type Binding = typeof import("onnxruntime-node")
type Session = import("onnxruntime-node").InferenceSession
type Metadata = import("onnxruntime-node").InferenceSession.ValueMetadata

const said = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).trim()

const isDType = (type: string): type is DType => type in bytesOf && type !== "bfloat16"

const portsFrom = (kind: "input" | "output", metadata: ReadonlyArray<Metadata>): ReadonlyArray<Port> =>
  metadata.map((port) => {
    if (!port.isTensor) throw new Error(`${kind} "${port.name}" is not a tensor`)
    if (!isDType(port.type)) throw new Error(`${kind} "${port.name}" has element type ${port.type}, which no graph here has`)
    return { name: port.name, dtype: port.type, shape: port.shape }
  })

/** Bytes of an array, whatever its elements are (half floats come back as `Float16Array` where the engine has it). */
const bytesIn = (data: unknown): Uint8Array => {
  if (!ArrayBuffer.isView(data)) throw new Error("an output came back without its data")
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

// The binding has no values that stay bound, but a held tensor ends with its scope here too.
const holds = new WeakMap<HeldTensor, Uses>()

const heldUses = (values: Readonly<Record<string, Value>>): ReadonlyArray<Uses> =>
  Object.values(values).flatMap((value) => {
    const uses = "_tag" in value ? holds.get(value) : undefined
    return uses === undefined ? [] : [uses]
  })

const hold = (tensor: Tensor): Effect.Effect<HeldTensor, BackendFailure, Scope.Scope> => {
  const fault = tensorFault(tensor)
  if (fault !== undefined) {
    return Effect.fail(new BackendFailure({ stage: "load", graph: "(held tensor)", message: `a ${tensor.dtype} tensor cannot be held: ${fault}` }))
  }
  return Effect.acquireRelease(
    Effect.sync(() => {
      const held: HeldTensor = { _tag: "Held", tensor }
      holds.set(held, new Uses())
      return held
    }),
    (held) => holds.get(held)?.close(Effect.void) ?? Effect.void
  )
}

const run =
  (binding: Binding, session: Session, uses: Uses, ports: Ports, turn: Semaphore.Semaphore) =>
  (inputs: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, Value>>): Effect.Effect<void, BackendFailure> => {
    const failure = (cause: unknown) => new BackendFailure({ stage: ports.stage, graph: ports.graph, message: `graph "${ports.graph}": ${said(cause)}` })
    const feed = (tensor: Tensor) => {
      // No port is bfloat16, so the check before a run has refused such a tensor.
      const feed = new binding.Tensor(tensor.dtype === "bfloat16" ? "uint16" : tensor.dtype, tensor.data, tensor.shape)
      // The constructor makes a Float16Array of half floats where the engine has one, and the native side of 1.30 takes that for an array of no bytes.
      if (tensor.dtype === "float16") Object.defineProperty(feed, "data", { value: tensor.data })
      return feed
    }
    const call = async () => {
      const feeds: Record<string, InstanceType<Binding["Tensor"]>> = {}
      for (const name in inputs) feeds[name] = feed(tensorOf(inputs[name]))
      const results = await session.run(feeds, Object.keys(outputs), { logSeverityLevel: 4 })
      // Nothing is written before every output is known to fit.
      for (const name in outputs) {
        const { shape } = tensorOf(outputs[name])
        const got = results[name].dims
        if (got.length !== shape.length || got.some((side, axis) => side !== shape[axis])) {
          throw new Error(`output "${name}" is [${got.join(", ")}] in this run, not [${shape.join(", ")}]`)
        }
      }
      for (const name in outputs) bytesIn(tensorOf(outputs[name]).data).set(bytesIn(results[name].data))
    }
    return turn.withPermits(1)(
      Effect.suspend((): Effect.Effect<void, BackendFailure> => {
        const fault = checkRun(ports, inputs, outputs)
        if (fault !== undefined) return Effect.fail(fault)
        if (!uses.open) return Effect.fail(failure("its scope has closed"))
        const used = [uses, ...heldUses(inputs), ...heldUses(outputs)]
        if (used.some((each) => !each.open)) return Effect.fail(failure("a held tensor's scope has closed"))
        for (const each of used) each.enter()
        opened("calls")
        // The binding begins in a later turn of the event loop and cannot be stopped, so an interruption waits for it.
        return Effect.uninterruptible(
          Effect.tryPromise({
            try: () =>
              call().finally(() => {
                freed("calls")
                for (const each of used) each.leave()
              }),
            catch: failure
          })
        )
      })
    )
  }

const load =
  (binding: Binding, settings: BackendSettings, turn: Semaphore.Semaphore) =>
  (model: string | Uint8Array, options: LoadOptions): Effect.Effect<Graph, BackendFailure, Scope.Scope> =>
    Effect.gen(function* () {
      const failure = (cause: unknown) =>
        new BackendFailure({ stage: "load", graph: options.name, message: `graph "${options.name}" cannot be loaded: ${said(cause)}` })
      const sessionOptions = {
        executionProviders: ["cpu"],
        graphOptimizationLevel: "all",
        intraOpNumThreads: options.threads ?? settings.threads ?? defaultThreads(),
        logSeverityLevel: 4,
        enableMemPattern: false,
        extra: spinEntries(settings)
      } as const
      const { session, uses } = yield* Effect.acquireRelease(
        turn.withPermits(1)(
          Effect.tryPromise({
            try: async () => {
              // Two calls, since the types of a path and of bytes are two overloads.
              const session =
                typeof model === "string"
                  ? await binding.InferenceSession.create(model, sessionOptions)
                  : await binding.InferenceSession.create(model, sessionOptions)
              opened("sessions")
              return { session, uses: new Uses() }
            },
            catch: failure
          })
        ),
        ({ session, uses }) => uses.close(Effect.promise(() => session.release().finally(() => freed("sessions"))))
      )
      const [inputs, outputs] = yield* Effect.try({
        try: () => [portsFrom("input", session.inputMetadata), portsFrom("output", session.outputMetadata)] as const,
        catch: failure
      })
      return { name: options.name, inputs, outputs, run: run(binding, session, uses, portsOf(options.name, options.stage ?? "encode", inputs, outputs), turn) }
    })

/**
 * ONNX Runtime through onnxruntime-node's own JavaScript binding. It blocks the event loop during a run, cannot be stopped, and copies every output;
 * all else is as with the C API. Fails where the binding cannot be loaded.
 */
export const layerJsBinding = (settings: BackendSettings = {}): Layer.Layer<Backend, BackendFailure> =>
  Layer.effect(
    Backend,
    Effect.gen(function* () {
      const binding = yield* Effect.tryPromise({
        try: async (): Promise<Binding> => {
          // CommonJS: the names are those of the default export.
          silenceTelemetry()
          const { default: binding } = await import("onnxruntime-node")
          binding.env.logLevel = "fatal"
          return binding
        },
        catch: (cause) => new BackendFailure({ stage: "load", graph: "onnxruntime", message: `onnxruntime-node cannot be loaded: ${said(cause)}` })
      })
      const turn = yield* Semaphore.make(1)
      return {
        name: `ONNX Runtime ${binding.env.versions.node ?? ""}, JavaScript binding`,
        capabilities: { quiet: false, cancel: false, inPlace: false },
        load: load(binding, settings, turn),
        hold
      }
    })
  )
