import { Effect } from "effect"
import { decodeInputs } from "../core/attention-inputs.ts"
import type { CrossView } from "../core/cross-attention.ts"
import type { BackendFailure } from "../core/errors.ts"
import type { Family } from "../core/family.ts"
import type { CrossMemory, Decoder } from "./decoder.ts"
import type { KvCache } from "./kv-cache.ts"

/** Where an answer stands after its prompt was read. */
export interface Generation {
  readonly family: Family["Service"]
  readonly decoder: Decoder
  readonly cache: KvCache
  /** Rows of the prompt: the cell of the first generated token. */
  readonly rows: number
  /** Position of the first generated token, on every axis. */
  readonly generateAt: number
  readonly reach: number
  readonly mostCells: number
  readonly adapter: string
  readonly cross: CrossView | undefined
  readonly memory: CrossMemory | undefined
}

/** Reads generated token number `index` into the cache and fills `logits` [vocabulary] with those that choose the next one. */
export const readToken = (generation: Generation, index: number, token: number, logits: Float32Array): Effect.Effect<void, BackendFailure> =>
  Effect.gen(function* () {
    const { adapter, cache, cross, decoder, family, memory, mostCells, reach } = generation
    const row = generation.rows + index
    const embeddings = yield* decoder.embed(Int32Array.of(token))
    yield* cache.ensure(row + 1, mostCells)
    yield* decoder.step(
      cache,
      {
        rows: 1,
        embeddings,
        levels: [],
        cells: cache.cells(),
        adapter,
        attention: decodeInputs(family.attention, row, generation.generateAt + index, family.positions.axes, cross, cache.cells(), reach),
        ...(memory === undefined ? {} : { memory })
      },
      logits
    )
  })
