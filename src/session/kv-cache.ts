import { Effect, Exit, Scope } from "effect"
import { Backend, type HeldTensor } from "../backend/backend.ts"
import type { BackendFailure } from "../core/errors.ts"
import { float32 } from "../tensor/tensor.ts"

/** What a cache holds for each decoder layer: keys and values [1, kvHeads, cells, headWidth], float32. */
export interface KvShape {
  readonly layers: number
  readonly kvHeads: number
  readonly headWidth: number
}

/** Bytes that one cell (one row of the prompt) takes over all layers. */
export const bytesPerCell = (shape: KvShape): number => shape.layers * 2 * shape.kvHeads * shape.headWidth * 4

/** Keys and values of the rows that a decoder has read. Written in place by the decoder's graph; freed with its scope. */
export interface KvCache {
  readonly shape: KvShape
  /** Cells that are bound now; a run's products go over all of them. */
  readonly cells: () => number
  /** By the graph's input names, `past_key.<layer>` and `past_value.<layer>`. */
  readonly inputs: () => Readonly<Record<string, HeldTensor>>
  /** The same tensors by the graph's output names, `present_key.<layer>` and `present_value.<layer>`. */
  readonly outputs: () => Readonly<Record<string, HeldTensor>>
  /** Room for `cells` at least: allocated anew at 1.5 times, at most `most`, and copied, piece by piece so that the event loop goes on. */
  readonly ensure: (cells: number, most: number) => Effect.Effect<void, BackendFailure>
  /** Zeroes what lies past `rows`: a masked cell still enters the product, and 0 x NaN is NaN. */
  readonly clearFrom: (rows: number) => void
}

/** Cells are bound in multiples of this. */
export const CELL_STEP = 64

/** Floats that are copied before the event loop gets its turn: a megabyte, whose pages are new. */
const COPY_STEP = 1 << 18

const roundUp = (cells: number): number => Math.ceil(cells / CELL_STEP) * CELL_STEP

interface Allocation {
  readonly cells: number
  readonly scope: Scope.Closeable
  readonly arrays: ReadonlyArray<Float32Array>
  readonly inputs: Record<string, HeldTensor>
  readonly outputs: Record<string, HeldTensor>
}

/** An empty cache. */
export const make = (shape: KvShape): Effect.Effect<KvCache, never, Scope.Scope | Backend> =>
  Effect.gen(function* () {
    const backend = yield* Backend
    const side = shape.headWidth

    const allocate = (cells: number, old: Allocation | undefined) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const arrays: Array<Float32Array> = []
        const inputs: Record<string, HeldTensor> = {}
        const outputs: Record<string, HeldTensor> = {}
        for (let i = 0; i < shape.layers * 2; i++) {
          const data = new Float32Array(shape.kvHeads * cells * side)
          const before = old?.arrays[i]
          if (before !== undefined && old !== undefined) {
            for (let head = 0; head < shape.kvHeads; head++) {
              const [from, length] = [head * old.cells * side, old.cells * side]
              for (let at = 0; at < length; at += COPY_STEP) {
                data.set(before.subarray(from + at, from + Math.min(length, at + COPY_STEP)), head * cells * side + at)
                yield* Effect.yieldNow
              }
            }
          }
          const held = yield* Scope.provide(backend.hold(float32([1, shape.kvHeads, cells, side], data)), scope)
          const name = `${i % 2 === 0 ? "key" : "value"}.${i >> 1}`
          arrays.push(data)
          inputs[`past_${name}`] = held
          outputs[`present_${name}`] = held
        }
        return { cells, scope, arrays, inputs, outputs }
      })

    let now: Allocation = { cells: 0, scope: yield* Scope.make(), arrays: [], inputs: {}, outputs: {} }
    yield* Effect.addFinalizer(() => Effect.suspend(() => Scope.close(now.scope, Exit.void)))

    return {
      shape,
      cells: () => now.cells,
      inputs: () => now.inputs,
      outputs: () => now.outputs,
      ensure: (cells, most) =>
        Effect.suspend(() => {
          if (cells <= now.cells) return Effect.void
          const wanted = Math.max(roundUp(cells), Math.min(roundUp(most), roundUp(now.cells * 1.5)))
          // Uninterruptible: either the old arrays are in use, or the new ones.
          return Effect.uninterruptible(
            Effect.gen(function* () {
              const old = now
              now = yield* allocate(wanted, old)
              yield* Scope.close(old.scope, Exit.void)
            })
          )
        }),
      clearFrom: (rows) => {
        for (const array of now.arrays) {
          for (let head = 0; head < shape.kvHeads; head++) array.fill(0, (head * now.cells + rows) * side, (head + 1) * now.cells * side)
        }
      }
    }
  })
