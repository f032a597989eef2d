import { Effect, type Scope } from "effect"
import { Backend, type Graph } from "../backend/backend.ts"
import type { ModelCache } from "../cache/model-cache.ts"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import { compile, type GraphSource } from "../compile/compile.ts"
import { BackendFailure, type LoadError } from "../core/errors.ts"
import type { OpenModelOptions } from "./family-module.ts"

/** A checkpoint's graphs, loaded. */
export interface OpenedGraphs {
  /** Fingerprint of the weights: part of every key of rows made by them. `planOnlyKey` where they are not known. */
  readonly key: string
  /** By the names of their sources. */
  readonly graphs: Readonly<Record<string, Graph>>
}

/** Stands for the fingerprint of the weights where a model was opened to plan only; a drawn graph shows it as its producers' id. */
export const planOnlyKey = "weights not read"

/** A graph of a model that was opened to plan only: its run fails. */
const planOnlyGraph = (name: string): Graph => ({
  name,
  inputs: [],
  outputs: [],
  run: () =>
    Effect.fail(
      new BackendFailure({
        stage: "load",
        graph: name,
        message: `the model was loaded to plan only (planOnly), so its graph ${name} is not there to run; load it without planOnly`
      })
    )
})

/** Compiles what is not compiled yet and loads every graph of `sources`; `planOnly`: graphs whose run fails. `skipped`: tensors of parts that are not used. */
export const openGraphs = (
  checkpoint: Checkpoint,
  options: OpenModelOptions,
  sources: ReadonlyArray<GraphSource>,
  skipped: (name: string) => boolean
): Effect.Effect<OpenedGraphs, LoadError, Backend | ModelCache | Scope.Scope> =>
  Effect.gen(function* () {
    if (options.planOnly) return { key: planOnlyKey, graphs: Object.fromEntries(sources.map(({ name }) => [name, planOnlyGraph(name)])) }
    const backend = yield* Backend
    const compiled = yield* compile(checkpoint, {
      dtype: options.dtype,
      strict: options.strict,
      graphs: sources,
      skipped,
      onProgress: (bytes, totalBytes) => options.onProgress({ stage: "compile", bytes, totalBytes })
    })
    yield* options.onUnread(compiled.unread)
    const loaded = yield* Effect.forEach(sources, ({ name }) => Effect.map(backend.load(compiled.path(name), { name }), (graph) => [name, graph] as const))
    return { key: compiled.key, graphs: Object.fromEntries(loaded) }
  })
