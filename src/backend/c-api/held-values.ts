import { Effect } from "effect"
import type { Scope } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import type { Tensor } from "../../tensor/tensor.ts"
import type { HeldTensor } from "../backend.ts"
import { elementTypeOf } from "../element-type.ts"
import { freed, opened } from "../live-handles.ts"
import { tensorFault } from "../run-check.ts"
import { Uses } from "../uses.ts"
import { must } from "./ort-library.ts"
import type { Address } from "./ort-api.ts"
import type { OrtLibrary } from "./ort-library.ts"

const out = new BigUint64Array(1)
let sides = new BigInt64Array(8)

/** An `OrtValue` over a tensor's own array. It does not keep the array: its owner does. Throws what ONNX Runtime says. */
export const createValue = (library: OrtLibrary, tensor: Tensor): Address => {
  const rank = tensor.shape.length
  if (rank > sides.length) sides = new BigInt64Array(rank)
  for (let i = 0; i < rank; i++) sides[i] = BigInt(tensor.shape[i])
  must(library.api, library.api.createTensorWithData(library.memory, tensor.data, tensor.data.byteLength, sides, rank, elementTypeOf[tensor.dtype], out))
  opened("values")
  return out[0]
}

/** Frees an `OrtValue`. */
export const releaseValue = (library: OrtLibrary, value: Address): void => {
  library.api.releaseValue(value)
  freed("values")
}

/** The native side of a held tensor. */
export interface NativeHold {
  readonly value: Address
  readonly uses: Uses
}

const holds = new WeakMap<HeldTensor, NativeHold>()

/** The native value of a held tensor; undefined for one that another backend made. */
export const holdOf = (held: HeldTensor): NativeHold | undefined => holds.get(held)

/** Keeps a tensor's `OrtValue` until the scope closes, which waits for the calls that use it. */
export const holdTensor = (library: OrtLibrary, tensor: Tensor): Effect.Effect<HeldTensor, BackendFailure, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const fault = tensorFault(tensor)
          if (fault !== undefined) throw new Error(fault)
          const held: HeldTensor = { _tag: "Held", tensor }
          const hold: NativeHold = { value: createValue(library, tensor), uses: new Uses() }
          holds.set(held, hold)
          return { held, hold }
        },
        catch: (cause) =>
          new BackendFailure({
            stage: "load",
            graph: "(held tensor)",
            message: `a ${tensor.dtype} tensor of [${tensor.shape.join(", ")}] cannot be held: ${cause instanceof Error ? cause.message : String(cause)}`
          })
      }),
      ({ hold }) => hold.uses.close(Effect.sync(() => releaseValue(library, hold.value)))
    ),
    ({ held }) => held
  )
