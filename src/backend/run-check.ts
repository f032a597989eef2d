import { BackendFailure } from "../core/errors.ts"
import type { Stage } from "../core/errors.ts"
import { bytesOf, sizeOf } from "../tensor/tensor.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Port, Value } from "./backend.ts"

/** The tensor of a value, held or not. */
export const tensorOf = (value: Value): Tensor => ("_tag" in value ? value.tensor : value)

/** The ports of a loaded graph, by name. */
export interface Ports {
  readonly graph: string
  readonly stage: Stage
  readonly inputs: ReadonlyMap<string, Port>
  readonly outputs: ReadonlyMap<string, Port>
}

/** Indexes a graph's ports; `stage` is what a failed run is reported under. */
export const portsOf = (graph: string, stage: Stage, inputs: ReadonlyArray<Port>, outputs: ReadonlyArray<Port>): Ports => ({
  graph,
  stage,
  inputs: new Map(inputs.map((port) => [port.name, port])),
  outputs: new Map(outputs.map((port) => [port.name, port]))
})

const shown = (shape: ReadonlyArray<number | string>): string => `[${shape.map((side) => (side === "" ? "?" : side)).join(", ")}]`
const known = (ports: ReadonlyMap<string, Port>): string => {
  const names = [...ports.keys()]
  return names.length <= 12 ? names.join(", ") : `${names.slice(0, 12).join(", ")} and ${names.length - 12} more`
}

const sidesFit = (shape: ReadonlyArray<number>, port: ReadonlyArray<number | string>): boolean => {
  if (shape.length !== port.length) return false
  for (let i = 0; i < shape.length; i++) {
    if (typeof port[i] === "number" && port[i] !== shape[i]) return false
  }
  return true
}

/** What is wrong with a tensor by itself; undefined when its array is as long as its shape and type say. */
export const tensorFault = (tensor: Tensor): string | undefined => {
  for (const side of tensor.shape) if (!Number.isSafeInteger(side) || side < 0) return `a shape of ${shown(tensor.shape)}`
  const size = sizeOf(tensor.shape)
  return tensor.data.length === size && tensor.data.byteLength === size * bytesOf[tensor.dtype]
    ? undefined
    : `a shape of ${shown(tensor.shape)} over ${tensor.data.length} elements, not ${size}`
}

const faultOf = (kind: "input" | "output", port: Port, tensor: Tensor): string | undefined => {
  if (tensor.dtype !== port.dtype) return `${kind} "${port.name}" is ${port.dtype}, not ${tensor.dtype}`
  if (!sidesFit(tensor.shape, port.shape)) return `${kind} "${port.name}" is ${shown(port.shape)}, not ${shown(tensor.shape)}`
  const fault = tensorFault(tensor)
  return fault === undefined ? undefined : `${kind} "${port.name}" has ${fault}`
}

/**
 * Checks a run against the graph's ports before anything native sees it: every input is there, no name is unknown, types and fixed sides are the
 * port's, and each array is as long as its shape says. Returns the failure, which names graph and port, or undefined.
 */
export const checkRun = (ports: Ports, inputs: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, Value>>): BackendFailure | undefined => {
  const failure = (fault: string) => new BackendFailure({ stage: ports.stage, graph: ports.graph, message: `graph "${ports.graph}": ${fault}` })
  let given = 0
  for (const name in inputs) {
    const port = ports.inputs.get(name)
    if (port === undefined) return failure(`no input is named "${name}"; it has ${known(ports.inputs)}`)
    const fault = faultOf("input", port, tensorOf(inputs[name]))
    if (fault !== undefined) return failure(fault)
    given++
  }
  if (given < ports.inputs.size) {
    for (const name of ports.inputs.keys()) if (!(name in inputs)) return failure(`input "${name}" is missing`)
  }
  let wanted = 0
  for (const name in outputs) {
    const port = ports.outputs.get(name)
    if (port === undefined) return failure(`no output is named "${name}"; it has ${known(ports.outputs)}`)
    const fault = faultOf("output", port, tensorOf(outputs[name]))
    if (fault !== undefined) return failure(fault)
    wanted++
  }
  return wanted === 0 ? failure("a run that wants no output") : undefined
}
