import { Context, type Effect, type Scope } from "effect"
import type { BackendFailure, Stage } from "../core/errors.ts"
import type { DType, Tensor } from "../tensor/tensor.ts"

/** An input or output of a graph: its name, element type, and shape (a string is a side that a run decides). */
export interface Port {
  readonly name: string
  readonly dtype: DType
  readonly shape: ReadonlyArray<number | string>
}

/** A tensor that stays bound over many runs (a key-value cache): its native value is made once and freed with its scope. */
export interface HeldTensor {
  readonly _tag: "Held"
  readonly tensor: Tensor
}

/** What a run reads or fills. */
export type Value = Tensor | HeldTensor

/** A graph that was loaded; freed with its scope, after its running calls have ended. */
export interface Graph {
  readonly name: string
  readonly inputs: ReadonlyArray<Port>
  readonly outputs: ReadonlyArray<Port>
  /**
   * One run. Every output the caller wants is given with its whole shape and is filled; outputs not named are not computed for.
   * A value (the same object) that stands both among inputs and outputs is updated in place, or by a copy where the backend cannot: use it only for
   * ports between which the graph itself works in place (`TensorScatter`, `GroupQueryAttention`), never for a port that is still read after the other is written.
   * Interrupting stops the run where the backend can, and waits until nothing native refers to the arrays.
   */
  readonly run: (inputs: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, Value>>) => Effect.Effect<void, BackendFailure>
}

/** How a graph is loaded. */
export interface LoadOptions {
  /** For messages. */
  readonly name: string
  /** Threads within one operator. Default: the backend's setting. */
  readonly threads?: number
  /** The stage that a failed run is reported under. Default "encode". */
  readonly stage?: Stage
}

/** What only some backends can do. */
export interface Capabilities {
  /** The event loop goes on during a run. */
  readonly quiet: boolean
  /** A run can be stopped halfway. */
  readonly cancel: boolean
  /** A value that is both input and output is updated without a copy. */
  readonly inPlace: boolean
}

/** Runs ONNX graphs. Nothing above knows which implementation runs. */
export class Backend extends Context.Service<
  Backend,
  {
    readonly name: string
    readonly capabilities: Capabilities
    /** Loads a model file (its external data beside it), or a model's bytes. */
    readonly load: (model: string | Uint8Array, options: LoadOptions) => Effect.Effect<Graph, BackendFailure, Scope.Scope>
    /** Keeps a tensor's native value until the scope closes. */
    readonly hold: (tensor: Tensor) => Effect.Effect<HeldTensor, BackendFailure, Scope.Scope>
  }
>()("sensorium/backend/Backend") {}
