import { Effect } from "effect"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import { WeightsMismatch } from "../core/errors.ts"
import type { GraphBuilder, Value } from "../onnx/graph-builder.ts"
import { sizeOf } from "../tensor/tensor.ts"

/** How matrices are stored; graphs compute in float32 whatever it is. */
export type WeightDType = "fp32" | "fp16"

/** Which of a checkpoint's tensors graphs have asked for, and which are known to be of no use. */
export interface WeightUse {
  readonly read: Set<string>
}

/** How one weight is made of a checkpoint's tensor. */
export interface WeightOptions {
  /** The tensor's shape in the checkpoint, where it differs from the weight's (same number of elements unless `make` changes it). */
  readonly stored?: ReadonlyArray<number>
  /** Computes the weight of the tensor as it is stored. */
  readonly make?: (stored: Float32Array) => Float32Array
  /** Distinguishes two weights that are made of one tensor. */
  readonly name?: string
  /** Small vectors stay float32; matrices follow the dtype asked for. */
  readonly exact?: boolean
}

const show = (shape: ReadonlyArray<number>): string => `[${shape.join(", ")}]`

/** A checkpoint's tensors under one prefix, as weights of a graph. A missing or mis-shaped tensor throws `WeightsMismatch`. */
export class Weights {
  readonly graph: GraphBuilder
  readonly prefix: string
  readonly #checkpoint: Checkpoint
  readonly #dtype: WeightDType
  readonly #use: WeightUse

  constructor(graph: GraphBuilder, checkpoint: Checkpoint, dtype: WeightDType, use: WeightUse, prefix = "") {
    this.graph = graph
    this.prefix = prefix
    this.#checkpoint = checkpoint
    this.#dtype = dtype
    this.#use = use
  }

  /** The tensors below `prefix`: `weights.at("layers.0")`. */
  at(prefix: string): Weights {
    return new Weights(this.graph, this.#checkpoint, this.#dtype, this.#use, `${this.prefix}${prefix}.`)
  }

  /** Whether the checkpoint has the tensor. */
  has(name: string): boolean {
    return this.#checkpoint.tensors.has(this.prefix + name)
  }

  /** The tensor as a weight of `shape`. */
  tensor(name: string, shape: ReadonlyArray<number>, options: WeightOptions = {}): Value {
    const full = this.prefix + name
    const expected = options.stored ?? shape
    const entry = this.#checkpoint.tensors.get(full)
    const problem = (found: string) =>
      new WeightsMismatch({
        stage: "compile",
        tensor: full,
        found,
        expected: show(expected),
        message: `tensor ${full} is ${found}, expected ${show(expected)}`
      })
    if (entry === undefined) throw problem("missing")
    if (show(entry.shape) !== show(expected)) throw problem(show(entry.shape))
    this.#use.read.add(full)
    // Reading refuses what is not finite, piece by piece.
    const load = this.#checkpoint.read(full).pipe(Effect.map((stored) => options.make?.(stored) ?? stored))
    const store = this.#dtype === "fp16" && options.exact !== true && shape.length > 1 && sizeOf(shape) > 1024 ? "float16" : "float32"
    return this.graph.weight({ name: options.name === undefined ? full : `${full}#${options.name}`, shape, store, load })
  }
}
