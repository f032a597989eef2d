import { Effect } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import type { Tensor } from "../../tensor/tensor.ts"
import type { Value } from "../backend.ts"
import { freed, opened } from "../live-handles.ts"
import { checkRun, tensorOf } from "../run-check.ts"
import type { Ports } from "../run-check.ts"
import { createValue, holdOf, releaseValue } from "./held-values.ts"
import type { NativeHold } from "./held-values.ts"
import { callAsync } from "./native-calls.ts"
import type { InTurn } from "./native-calls.ts"
import type { NativeSession } from "./native-session.ts"
import { cString, fatal, made, takeFault } from "./ort-library.ts"
import type { Address } from "./ort-api.ts"
import type { OrtLibrary } from "./ort-library.ts"

/** Run options of one graph, used again from run to run. One is kept when none runs, however many ran at once. */
export class RunOptionsPool {
  readonly #library: OrtLibrary
  readonly #idle: Array<Address> = []

  constructor(library: OrtLibrary) {
    this.#library = library
  }

  take(): Address {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    const { api } = this.#library
    const options = made(api, (out) => api.createRunOptions(out))
    opened("runOptions")
    takeFault(api, api.runOptionsSetLogSeverity(options, fatal))
    return options
  }

  give(options: Address, stopped: boolean): void {
    if (this.#idle.length > 0) return this.#release(options)
    if (stopped) takeFault(this.#library.api, this.#library.api.runOptionsUnsetTerminate(options))
    this.#idle.push(options)
  }

  close(): void {
    for (const options of this.#idle.splice(0)) this.#release(options)
  }

  #release(options: Address): void {
    this.#library.api.releaseRunOptions(options)
    freed("runOptions")
  }
}

/** Arrays of the addresses of C strings, kept for each list of names: a graph is run with the same few lists again and again. */
export class NameLists {
  readonly #library: OrtLibrary
  readonly #strings = new Map<string, { readonly bytes: Buffer; readonly address: Address }>()
  readonly #lists = new Map<string, BigUint64Array>()

  constructor(library: OrtLibrary) {
    this.#library = library
  }

  /** The list's addresses; its strings live as long as this object. */
  of(names: ReadonlyArray<string>): BigUint64Array {
    const key = names.join("\0")
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const list = BigUint64Array.from(names, (name) => {
      const string = this.#strings.get(name)
      if (string !== undefined) return string.address
      const bytes = cString(name)
      const address = this.#library.addressOf(bytes)
      this.#strings.set(name, { bytes, address })
      return address
    })
    if (this.#lists.size >= 64) this.#lists.clear()
    this.#lists.set(key, list)
    return list
  }
}

/** What a run hands to native code, and what must be given back after it. */
class Bound {
  readonly #library: OrtLibrary
  readonly #made = new Map<Tensor, Address>()
  readonly #holds: Array<NativeHold> = []

  constructor(library: OrtLibrary) {
    this.#library = library
  }

  /** The value's address. One tensor is one native value, so that an input that is also an output is updated in place. */
  bind(value: Value): Address {
    if ("_tag" in value) {
      const hold = holdOf(value)
      if (hold !== undefined) {
        if (!hold.uses.open) throw new Error("a held tensor's scope has closed")
        hold.uses.enter()
        this.#holds.push(hold)
        return hold.value
      }
    }
    const tensor = tensorOf(value)
    const known = this.#made.get(tensor)
    if (known !== undefined) return known
    const address = createValue(this.#library, tensor)
    this.#made.set(tensor, address)
    return address
  }

  release(): void {
    for (const address of this.#made.values()) releaseValue(this.#library, address)
    this.#made.clear()
    for (const hold of this.#holds.splice(0)) hold.uses.leave()
  }
}

/** Runs a session. Everything that a run opens is freed when its native call has returned, however it ended. */
export const nativeRun =
  (library: OrtLibrary, session: NativeSession, ports: Ports, pool: RunOptionsPool, names: NameLists, inTurn: InTurn) =>
  (inputs: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, Value>>): Effect.Effect<void, BackendFailure> => {
    const { api } = library
    const failure = (cause: unknown) =>
      new BackendFailure({
        stage: ports.stage,
        graph: ports.graph,
        message: `graph "${ports.graph}": ${cause instanceof Error ? cause.message : String(cause)}`
      })
    const call = Effect.suspend((): Effect.Effect<void, BackendFailure> => {
      const fault = checkRun(ports, inputs, outputs)
      if (fault !== undefined) return Effect.fail(fault)
      if (!session.uses.open) return Effect.fail(failure("its scope has closed"))
      const inputNames = Object.keys(inputs),
        outputNames = Object.keys(outputs)
      const read = new BigUint64Array(inputNames.length),
        filled = new BigUint64Array(outputNames.length)
      const bound = new Bound(library)
      let options: Address
      try {
        for (let i = 0; i < inputNames.length; i++) read[i] = bound.bind(inputs[inputNames[i]])
        for (let i = 0; i < outputNames.length; i++) filled[i] = bound.bind(outputs[outputNames[i]])
        options = pool.take()
      } catch (error) {
        bound.release()
        return Effect.fail(failure(error))
      }
      const readNames = names.of(inputNames),
        filledNames = names.of(outputNames)
      let stopped = false
      session.uses.enter()
      return callAsync({
        native: api.run,
        parameters: [session.address, options, readNames, read, read.length, filledNames, filled.length, filled],
        // `names` keeps the strings, `inputs` and `outputs` the arrays that the values lie over.
        kept: [inputs, outputs, names],
        stop: () => {
          stopped = true
          takeFault(api, api.runOptionsSetTerminate(options))
        },
        ended: (error: unknown, status) => {
          const fault = error ?? takeFault(api, status ?? null)
          bound.release()
          pool.give(options, stopped)
          session.uses.leave()
          return fault === undefined || fault === null ? Effect.void : Effect.fail(failure(fault))
        }
      })
    })
    return inTurn(call)
  }
