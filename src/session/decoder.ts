import { Effect } from "effect"
import type { Graph, Value } from "../backend/backend.ts"
import type { AttentionInputs } from "../core/attention-inputs.ts"
import type { BackendFailure } from "../core/errors.ts"
import { float32, int64 } from "../tensor/tensor.ts"
import type * as KvCache from "./kv-cache.ts"

/** What a session must know of a decoder's graph; its inputs and outputs follow from it. */
export interface DecoderShape extends KvCache.KvShape {
  /** Numbers in a row. */
  readonly width: number
  readonly vocabulary: number
  /** Names of the kinds of attention, in the order of `Family.attention`. */
  readonly kinds: ReadonlyArray<string>
  /** Extra tensors added at media rows. */
  readonly levels: number
  /** LoRA sets kept apart from the weights, switched on by name. */
  readonly adapters: ReadonlyArray<string>
  /** Layers that read a cross-attention memory: numbers of its heads, and of its keys' width. */
  readonly cross?: { readonly layers: number; readonly kvHeads: number; readonly headWidth: number }
}

/** A cross-attention memory as the decoder reads it: each [1, kvHeads, rows, headWidth], a pair a cross layer. */
export interface CrossMemory {
  readonly rows: number
  readonly keys: ReadonlyArray<Value>
  readonly values: ReadonlyArray<Value>
}

/** Rows for one run of the decoder. */
export interface DecoderStep {
  readonly rows: number
  /** [rows, width] */
  readonly embeddings: Float32Array
  /** Each [rows, width], zero at text; none: all zero. */
  readonly levels: ReadonlyArray<Float32Array>
  readonly attention: AttentionInputs
  /** Cells that the attention inputs were made for; the cache has as many bound. */
  readonly cells: number
  readonly adapter: string
  readonly memory?: CrossMemory
}

/** The decoder's graphs behind what a session needs: token embeddings, a cache, and steps. */
export interface Decoder {
  readonly shape: DecoderShape
  /** Token ids to rows [tokens, width]. */
  readonly embed: (tokens: Int32Array) => Effect.Effect<Float32Array, BackendFailure>
  /** Runs the rows into the cache; fills `logits` [vocabulary] with the last row's. */
  readonly step: (cache: KvCache.KvCache, step: DecoderStep, logits: Float32Array) => Effect.Effect<void, BackendFailure>
  /** Memory rows [rows, width] to each cross layer's keys and values; only where the shape has `cross`. */
  readonly remember?: (memory: Float32Array, rows: number) => Effect.Effect<CrossMemory, BackendFailure>
}

/** Bytes that a memory of `rows` rows takes over all cross layers. */
export const bytesOfCross = ({ cross }: DecoderShape, rows: number): number =>
  cross === undefined ? 0 : cross.layers * 2 * rows * cross.kvHeads * cross.headWidth * 4

/** One row of zeros: what cross layers look at where a prompt has no memory. Nothing is added then, as if they were left out. */
const emptyMemory = ({ headWidth, kvHeads, layers }: NonNullable<DecoderShape["cross"]>): CrossMemory => {
  const zeros = Array.from({ length: layers }, () => float32([1, kvHeads, 1, headWidth], new Float32Array(kvHeads * headWidth)))
  return { rows: 1, keys: zeros, values: zeros }
}

/** Over the graph `memory`; see `src/compile/blocks/cross-attention.ts`. */
const rememberBy =
  ({ headWidth, kvHeads, layers }: NonNullable<DecoderShape["cross"]>, width: number, graph: Graph): NonNullable<Decoder["remember"]> =>
  (memory, rows) =>
    Effect.gen(function* () {
      const made = () => Array.from({ length: layers }, () => float32([1, kvHeads, rows, headWidth], new Float32Array(kvHeads * rows * headWidth)))
      const remembered = { rows, keys: made(), values: made() }
      const outputs = [
        ...remembered.keys.map((key, i) => [`cross_key.${i}`, key] as const),
        ...remembered.values.map((value, i) => [`cross_value.${i}`, value] as const)
      ]
      yield* graph.run({ memory: float32([rows, width], memory) }, Object.fromEntries(outputs))
      return remembered
    })

/** What a decoder runs on. */
export interface DecoderGraphs {
  readonly embed: Graph
  readonly decoder: Graph
  /** Where the shape has `cross`. */
  readonly memory?: Graph
}

/** Over the graphs `embed` (ids -> rows) and `decoder`, whose inputs are named as `src/compile/blocks/decoder.ts` names them; and `memory`, where there are cross layers. */
export const make = (shape: DecoderShape, graphs: DecoderGraphs): Decoder => ({
  shape,
  ...(shape.cross === undefined || graphs.memory === undefined ? {} : { remember: rememberBy(shape.cross, shape.width, graphs.memory) }),
  embed: (tokens) =>
    Effect.gen(function* () {
      const rows = new Float32Array(tokens.length * shape.width)
      if (tokens.length > 0) yield* graphs.embed.run({ tokens: int64([tokens.length], tokens) }, { rows: float32([tokens.length, shape.width], rows) })
      return rows
    }),
  step: (cache, step, logits) =>
    Effect.suspend(() => {
      const { cells, rows } = step
      const inputs: Record<string, Value> = {
        ...cache.inputs(),
        embeddings: float32([rows, shape.width], step.embeddings),
        write_at: int64([1], [step.attention.writeAt])
      }
      step.attention.kinds.forEach(({ bias, cos, sin }, i) => {
        const kind = shape.kinds[i]
        inputs[`cos.${kind}`] = float32([1, rows, cos.length / rows], cos)
        inputs[`sin.${kind}`] = float32([1, rows, sin.length / rows], sin)
        inputs[`bias.${kind}`] = float32([rows, cells], bias)
      })
      for (let level = 0; level < shape.levels; level++) {
        inputs[`level.${level}`] = float32([rows, shape.width], step.levels[level] ?? new Float32Array(rows * shape.width))
      }
      for (const name of shape.adapters) inputs[`adapter.${name}`] = float32([1], Float32Array.of(name === step.adapter ? 1 : 0))
      if (shape.cross !== undefined) {
        const { cross } = step.attention
        const memory = cross === undefined ? undefined : step.memory
        const { keys, rows: memoryRows, values } = memory ?? emptyMemory(shape.cross)
        inputs.cross_bias = float32([rows, memoryRows], memory === undefined || cross === undefined ? new Float32Array(rows) : cross.bias)
        inputs.cross_gate = float32([rows, 1], memory === undefined || cross === undefined ? new Float32Array(rows) : cross.gate)
        keys.forEach((value, layer) => {
          inputs[`cross_key.${layer}`] = value
        })
        values.forEach((value, layer) => {
          inputs[`cross_value.${layer}`] = value
        })
      }
      return graphs.decoder.run(inputs, { ...cache.outputs(), logits: float32([1, shape.vocabulary], logits) })
    })
})
