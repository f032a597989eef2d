import { createHash } from "node:crypto"
import { basename, resolve } from "node:path"
import { Effect, type Scope } from "effect"
import { ModelCache } from "../cache/model-cache.ts"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import { BackendFailure, type CacheUnwritable, type CheckpointUnreadable, WeightsMismatch } from "../core/errors.ts"
import { GraphBuilder } from "../onnx/graph-builder.ts"
import { writeGraphs } from "../onnx/write-graphs.ts"
import { type WeightDType, Weights, type WeightUse } from "./weights.ts"

/** Changes whenever the same graphs would hold other weights. */
const COMPILER_VERSION = 1

/** One graph of a model: its name, and what builds it of the checkpoint's tensors. */
export interface GraphSource {
  readonly name: string
  readonly build: (graph: GraphBuilder, weights: Weights) => void
}

/** What is compiled, and how. */
export interface CompileOptions {
  readonly dtype: WeightDType
  readonly graphs: ReadonlyArray<GraphSource>
  /** Tensors of parts that this library does not use. */
  readonly skipped: (name: string) => boolean
  /** A tensor that nothing reads is an error. */
  readonly strict: boolean
  /** Bytes of weights written so far, of all. */
  readonly onProgress: (bytes: number, totalBytes: number) => Effect.Effect<void>
}

/** Where the graphs lie. */
export interface CompiledGraphs {
  /** Names checkpoint, dtype and compiler: the fingerprint of the weights. */
  readonly key: string
  readonly folder: string
  /** Path of a graph's model file. */
  readonly path: (name: string) => string
  /** Tensors of the checkpoint that nothing read and that no part skips. */
  readonly unread: ReadonlyArray<string>
}

/**
 * Builds every graph (which checks every tensor's name and shape), then writes them with their weights into the cache, where they
 * are not there yet. Memory stays bounded by the largest tensor.
 */
export const compile = (
  checkpoint: Checkpoint,
  options: CompileOptions
): Effect.Effect<CompiledGraphs, CheckpointUnreadable | WeightsMismatch | CacheUnwritable | BackendFailure, ModelCache | Scope.Scope> =>
  Effect.gen(function* () {
    const use: WeightUse = { read: new Set() }
    const built = yield* Effect.try({
      try: () =>
        options.graphs.map(({ build, name }) => {
          const graph = new GraphBuilder(name)
          build(graph, new Weights(graph, checkpoint, options.dtype, use))
          return graph
        }),
      catch: (error) =>
        error instanceof WeightsMismatch
          ? error
          : new BackendFailure({
              stage: "compile",
              graph: "all",
              message: `the graphs could not be built: ${error instanceof Error ? error.message : String(error)}`
            })
    })
    const unread = [...checkpoint.tensors.keys()].filter((name) => !use.read.has(name) && !options.skipped(name))
    if (options.strict && unread.length > 0) {
      return yield* new WeightsMismatch({
        stage: "compile",
        tensor: unread[0],
        found: "present",
        expected: "nothing",
        message: `${unread.length} tensors are read by nothing: ${unread.slice(0, 5).join(", ")}${unread.length > 5 ? ", ..." : ""}`
      })
    }
    const hash = createHash("sha256").update(JSON.stringify([COMPILER_VERSION, yield* checkpoint.contentId, options.dtype]))
    // The graphs themselves are part of the key: a change in how one is built gives another entry.
    for (const graph of built) {
      hash.update(graph.name).update(graph.encode({ location: "", offsetOf: () => 0 }))
      yield* Effect.yieldNow
    }
    const key = hash.digest("hex").slice(0, 32)
    const cache = yield* ModelCache
    const folder = yield* cache.entry(
      key,
      (temporary) => writeGraphs(temporary, built, options.onProgress),
      `${basename(resolve(checkpoint.folder))} ${options.dtype}`
    )
    return { key, folder, path: (name) => `${folder}/${name}.onnx`, unread }
  })
