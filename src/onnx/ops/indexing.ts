import type { Value } from "../graph-builder.ts"
import { axisOf, broadcast, impossible } from "../shape-inference.ts"

const whole = (op: string, indices: Value): void => {
  if (indices.dtype !== "int64" && indices.dtype !== "int32") throw new Error(`${op}: indices are ${indices.dtype}, not int64 or int32`)
}

/** The entries of `data` along `axis` that `indices` names; the axis gives way to the axes of `indices`. */
export const gather = (data: Value, indices: Value, axis: number): Value => {
  whole("Gather", indices)
  const at = axisOf("Gather", data.shape, axis)
  return data.graph.node(
    "Gather",
    [data, indices],
    { axis: at },
    { outputs: [{ dtype: data.dtype, shape: [...data.shape.slice(0, at), ...indices.shape, ...data.shape.slice(at + 1)] }] }
  )[0]
}

/** How many leading axes of `data` one index of `indices` [..., k] names. */
const depthOf = (op: string, data: Value, indices: Value, batch: number): number => {
  const depth = indices.shape[indices.shape.length - 1]
  if (indices.dtype !== "int64" || typeof depth !== "number" || batch + depth > data.shape.length)
    throw impossible(op, "the indices' last side says how many axes they name (int64)", data.shape, indices.shape)
  return depth
}

/** Entries of `data` at coordinates: `indices` [..., k] names the first k axes (after `batch` axes that both have). */
export const gatherNd = (data: Value, indices: Value, batch = 0): Value => {
  const depth = depthOf("GatherND", data, indices, batch)
  return data.graph.node(
    "GatherND",
    [data, indices],
    { batch_dims: batch },
    { outputs: [{ dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(batch + depth)] }] }
  )[0]
}

/** `data` with `updates` in the place (or added, multiplied) of its entries at coordinates `indices` [..., k]. */
export const scatterNd = (data: Value, indices: Value, updates: Value, reduction: "none" | "add" | "mul" = "none"): Value => {
  const depth = depthOf("ScatterND", data, indices, 0)
  const shape = [...indices.shape.slice(0, -1), ...data.shape.slice(depth)]
  if (shape.length !== updates.shape.length) throw impossible("ScatterND", "updates do not fit", shape, updates.shape)
  broadcast("ScatterND", shape, updates.shape)
  return data.graph.node("ScatterND", [data, indices, updates], { reduction }, { outputs: [data] })[0]
}
