import { open, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { type CacheUnwritable, WeightsMismatch } from "../core/errors.ts"
import { makeFolder, writing } from "../core/writing.ts"
import { floatToHalf } from "../tensor/half.ts"
import { bytesOf, sizeOf } from "../tensor/tensor.ts"
import type { GraphBuilder, Weight, WeightError } from "./graph-builder.ts"

/** The file of all weights, beside the graphs. */
export const WEIGHTS_FILE = "weights.bin"

/** Weights begin at multiples of a page, so that ONNX Runtime maps them. */
const PAGE_BYTES = 4096
/** Elements written at once: half a millisecond where they are narrowed. */
const PIECE = 1 << 17
/** The largest half float. Above it, rounding gives infinity. */
const LARGEST_HALF = 65504

const bytesOfWeight = ({ dtype, shape }: Weight): number => sizeOf(shape) * bytesOf[dtype]

/** One name in two types is two entries; one name in one type is one, however many graphs ask for it. */
const keyOf = ({ dtype, name }: Weight): string => `${dtype} ${name}`

/** Distinct weights of all graphs and where each begins. */
const place = (graphs: ReadonlyArray<GraphBuilder>) => {
  const placed = new Map<string, { readonly weight: Weight; readonly offset: number }>()
  let end = 0
  for (const graph of graphs) {
    for (const weight of graph.weights) {
      const known = placed.get(keyOf(weight))
      if (known !== undefined) {
        if (bytesOfWeight(known.weight) !== bytesOfWeight(weight)) {
          throw new Error(`weight ${weight.name} is [${weight.shape.join(", ")}] in graph ${graph.name}, and [${known.weight.shape.join(", ")}] in another one`)
        }
        continue
      }
      const offset = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES
      placed.set(keyOf(weight), { weight, offset })
      end = offset + bytesOfWeight(weight)
    }
  }
  return { placed, end }
}

/** Narrows `part` to halves in `scratch`, and gives their bytes. */
const narrow = (weight: Weight, part: Float32Array, from: number, scratch: Uint16Array): Effect.Effect<Uint8Array, WeightsMismatch> => {
  for (let i = 0; i < part.length; i++) {
    if (Math.abs(part[i]) > LARGEST_HALF) {
      const expected = `at most ${LARGEST_HALF} in float16`
      return Effect.fail(
        new WeightsMismatch({
          stage: "compile",
          tensor: weight.name,
          found: String(part[i]),
          expected,
          message: `tensor ${weight.name} holds ${part[i]} at element ${from + i}, expected ${expected}: use fp32`
        })
      )
    }
    scratch[i] = floatToHalf(part[i])
  }
  return Effect.succeed(new Uint8Array(scratch.buffer, 0, part.length * 2))
}

/**
 * Writes graphs into a folder: every distinct weight once into `weights.bin`, tensor by tensor, then `<name>.onnx` for each graph. Memory: one tensor, as it is
 * loaded. `onProgress` hears the bytes of weights written so far, and of all. `CacheUnwritable`: no room (with what is needed and what is free), no right.
 */
export const writeGraphs = (
  folder: string,
  graphs: ReadonlyArray<GraphBuilder>,
  onProgress: (bytes: number, totalBytes: number) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<void, WeightError | CacheUnwritable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { end, placed } = place(graphs)
      const total = [...placed.values()].reduce((bytes, { weight }) => bytes + bytesOfWeight(weight), 0)
      const path = join(folder, WEIGHTS_FILE)
      const write = <A>(promise: () => Promise<A>) => writing("compile", path, promise, end)
      yield* write(() => makeFolder(folder))
      const file = yield* Effect.acquireRelease(
        write(() => open(path, "w")),
        (opened) => Effect.promise(() => opened.close().catch(() => {}))
      )
      // One for all, so that nothing is left to collect.
      const scratch = new Uint16Array(PIECE)
      let written = 0
      for (const { offset, weight } of placed.values()) {
        const data = yield* weight.load
        if (data.length !== sizeOf(weight.shape))
          throw new Error(`weight ${weight.name}: shape [${weight.shape.join(", ")}], but ${data.length} elements were loaded`)
        for (let from = 0; from < data.length; from += PIECE) {
          const part = data.subarray(from, from + PIECE)
          const bytes =
            weight.dtype === "float16" && part instanceof Float32Array
              ? yield* narrow(weight, part, from, scratch)
              : new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
          for (let done = 0; done < bytes.length;) {
            const { bytesWritten } = yield* write(() => file.write(bytes, done, bytes.length - done, offset + from * bytesOf[weight.dtype] + done))
            done += bytesWritten
          }
          written += bytes.length
          yield* onProgress(written, total)
        }
      }
      yield* write(() => file.sync())
      const external = { location: WEIGHTS_FILE, offsetOf: (weight: Weight) => placed.get(keyOf(weight))?.offset ?? 0 }
      for (const graph of graphs) yield* write(() => writeFile(join(folder, `${graph.name}.onnx`), graph.encode(external)))
    })
  )
