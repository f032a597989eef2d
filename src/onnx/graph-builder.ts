import { Effect } from "effect"
import type { CheckpointUnreadable, WeightsMismatch } from "../core/errors.ts"
import { bytesOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts"
import { encodeModel } from "./encode-message.ts"
import { attributeTypes, elementTypes, EXTERNAL, type Message } from "./onnx-schema.ts"
import type { Shape } from "./shape-inference.ts"

/** A tensor that flows through a graph. */
export interface Value {
  readonly graph: GraphBuilder
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

/** What loading a weight may fail with. */
export type WeightError = CheckpointUnreadable | WeightsMismatch

/** A weight kept outside of the graph: how it is stored, and how its elements come when they are written. */
export interface Weight {
  /** Weights of one name are one weight, in all graphs that are written together. */
  readonly name: string
  readonly shape: ReadonlyArray<number>
  /** The type in the file. */
  readonly dtype: DType
  /** The elements; singles are narrowed where `dtype` is float16. */
  readonly load: Effect.Effect<Tensor["data"], WeightError>
}

/** A weight that graphs compute with in float32, whatever it is stored as. */
export interface FloatWeight {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  /** float16: stored as halves, with a `Cast` to float32 behind it. Default float32. */
  readonly store?: "float32" | "float16"
  readonly load: Effect.Effect<Float32Array, WeightError>
}

/** An attribute of an operator. A plain number is an integer, a list of them integers; numbers with a fraction are made by `float` and `floats`. */
export type Attribute = number | string | ReadonlyArray<number> | { readonly float: number } | { readonly floats: ReadonlyArray<number> }

/** A number that ONNX reads as a float, also where it is whole. */
export const float = (value: number): Attribute => ({ float: value })

/** What a node yields: one value for each entry, in order. */
export type Outputs = ReadonlyArray<{ readonly dtype: DType; readonly shape: Shape }>

/** Where the bytes of a stored weight or a large constant lie: offset in the data file, which stands beside the model. */
export interface ExternalData {
  readonly location: string
  readonly offsetOf: (weight: Weight) => number
}

const OPSET = 24
const IR_VERSION = 11
/** A constant of more bytes is kept in the data file, as weights are. */
const INLINE_BYTES = 1 << 16
/** Constants up to this many bytes are compared, and kept once. */
const SHARED_BYTES = 256

const encodeAttribute = (name: string, value: Attribute): Message<"Attribute"> => {
  if (typeof value === "number") return { name, i: value, type: attributeTypes.int }
  if (typeof value === "string") return { name, s: value, type: attributeTypes.string }
  if ("float" in value) return { name, f: value.float, type: attributeTypes.float }
  if ("floats" in value) return { name, floats: value.floats, type: attributeTypes.floats }
  return { name, ints: value, type: attributeTypes.ints }
}

const bytesOfData = ({ buffer, byteLength, byteOffset }: Tensor["data"]): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

interface Node {
  readonly op: string
  readonly domain: string
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  readonly attributes: ReadonlyArray<Message<"Attribute">>
  /** Of a node that chooses: what it runs, by the attributes' names. */
  readonly branches?: Readonly<Record<"then_branch" | "else_branch", Branch>>
}

/** Nodes that run only where they are chosen, and what they give. They may use whatever was made before. */
interface Branch {
  readonly nodes: ReadonlyArray<Node>
  readonly result: Value
}

/**
 * Builds one ONNX graph (opset 24, with ONNX Runtime's `com.microsoft` operators). `ops.ts` has a function for every operator, which infers the shape of
 * what it yields. Mistakes (a name twice, shapes that do not go together, values of two graphs) are thrown as plain errors.
 */
export class GraphBuilder {
  readonly name: string
  readonly #inputs = new Map<string, Value>()
  readonly #outputs = new Map<string, Value>()
  /** Of the graph, or of the branch that is being built. */
  #nodes: Array<Node> = []
  #count = 0
  readonly #constants = new Map<string, { readonly value: Value; readonly tensor: Tensor }>()
  readonly #weights = new Map<string, { readonly value: Value; readonly weight: Weight }>()
  #casts = new Map<string, Value>()
  #unknown = 0

  constructor(name: string) {
    this.name = name
  }

  /** Inputs by name, in order. */
  get inputs(): ReadonlyMap<string, Value> {
    return this.#inputs
  }

  /** Outputs by name, in order. */
  get outputs(): ReadonlyMap<string, Value> {
    return this.#outputs
  }

  /** Weights that stand in the data file; large constants among them. */
  get weights(): ReadonlyArray<Weight> {
    return [...this.#weights.values()].map(({ weight }) => weight)
  }

  /** An input; a side that a run decides is a name. */
  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.#inputs.has(name) || this.#outputs.has(name) || name.startsWith("/")) throw new Error(`input ${name} of graph ${this.name}: the name is taken`)
    const value: Value = { graph: this, name, dtype, shape }
    this.#inputs.set(name, value)
    return value
  }

  /** Gives a value out under a name. */
  output(name: string, value: Value): void {
    this.#own("output", [value])
    if (this.#inputs.has(name) || this.#outputs.has(name) || name.startsWith("/")) throw new Error(`output ${name} of graph ${this.name}: the name is taken`)
    // What no node makes, or what has a name already, needs a node to stand under another one.
    const made = value.name.startsWith("/node/") && ![...this.#outputs.values()].some((other) => other.name === value.name)
    this.#outputs.set(name, made ? value : this.node("Identity", [value], {}, { outputs: [value] })[0])
  }

  /** A tensor known now. */
  constant(tensor: Tensor): Value {
    const { data, dtype, shape } = tensor
    if (data.length !== sizeOf(shape)) throw new Error(`constant of graph ${this.name}: shape [${shape.join(", ")}] holds ${data.length} elements`)
    const key = data.byteLength <= SHARED_BYTES ? `${dtype}[${shape.join()}]${Buffer.from(bytesOfData(data)).toString("hex")}` : `#${this.#constants.size}`
    const known = this.#constants.get(key)
    if (known !== undefined) return known.value
    if (data.byteLength > INLINE_BYTES) return this.stored({ name: `${this.name}/constant/${this.#weights.size}`, dtype, shape, load: Effect.succeed(data) })
    const value: Value = { graph: this, name: `/constant/${this.#constants.size}`, dtype, shape }
    this.#constants.set(key, { value, tensor })
    return value
  }

  /** A weight that is stored as it is (quantized ones too); asked for again by name, it is the same value. */
  stored(weight: Weight): Value {
    const known = this.#weights.get(weight.name)
    if (known === undefined) {
      const value: Value = { graph: this, name: `/weight/${weight.name}`, dtype: weight.dtype, shape: weight.shape }
      this.#weights.set(weight.name, { value, weight })
      return value
    }
    if (known.weight.dtype !== weight.dtype || known.weight.shape.join() !== weight.shape.join()) {
      throw new Error(
        `weight ${weight.name} of graph ${this.name}: ${weight.dtype} [${weight.shape.join(", ")}], before ${known.weight.dtype} [${known.weight.shape.join(", ")}]`
      )
    }
    return known.value
  }

  /** A weight as float32. */
  weight({ load, name, shape, store = "float32" }: FloatWeight): Value {
    const value = this.stored({ name, shape, dtype: store, load })
    if (store === "float32") return value
    const known = this.#casts.get(name)
    if (known !== undefined) return known
    const [cast] = this.node("Cast", [value], { to: elementTypes.float32 }, { outputs: [{ dtype: "float32", shape }] })
    this.#casts.set(name, cast)
    return cast
  }

  /** A side that only the run knows. */
  unknownSide(): string {
    return `?${this.#unknown++}`
  }

  /** Any operator. An input that is left out is undefined. */
  node(
    op: string,
    inputs: ReadonlyArray<Value | undefined>,
    attributes: Readonly<Record<string, Attribute | undefined>>,
    { domain = "", outputs }: { readonly domain?: string; readonly outputs: Outputs }
  ): ReadonlyArray<Value> {
    this.#own(op, inputs)
    const index = this.#count++
    const values = outputs.map(({ dtype, shape }, i): Value => ({ graph: this, name: `/node/${index}/${op}${i === 0 ? "" : `/${i}`}`, dtype, shape }))
    this.#nodes.push({
      op,
      domain,
      // An input left out at the end is no input: an empty name there crashes LayerNormalization of ONNX Runtime 1.30.
      inputs: inputs.slice(0, inputs.findLastIndex((value) => value !== undefined) + 1).map((value) => value?.name ?? ""),
      outputs: values.map(({ name }) => name),
      attributes: Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [encodeAttribute(name, value)]))
    })
    return values
  }

  /**
   * One of two values, as `condition` [1] says at run time; what `then` and `otherwise` make is computed only where it is chosen. Both must give the same type and
   * shape.
   */
  conditional(condition: Value, then: () => Value, otherwise: () => Value): Value {
    this.#own("If", [condition])
    if (condition.dtype !== "bool") throw new Error(`If of graph ${this.name}: the condition is ${condition.dtype}`)
    const branches = { then_branch: this.#branch(then), else_branch: this.#branch(otherwise) }
    const [{ dtype, shape }, other] = [branches.then_branch.result, branches.else_branch.result]
    if (dtype !== other.dtype || shape.join() !== other.shape.join()) {
      throw new Error(`If of graph ${this.name}: ${dtype} [${shape.join(", ")}] or ${other.dtype} [${other.shape.join(", ")}]`)
    }
    const name = `/node/${this.#count++}/If`
    this.#nodes.push({ op: "If", domain: "", inputs: [condition.name], outputs: [name], attributes: [], branches })
    return { graph: this, name, dtype, shape }
  }

  /** Nodes that `make` adds, apart. What it casts for itself is not there outside. */
  #branch(make: () => Value): Branch {
    const [nodes, casts] = [this.#nodes, this.#casts]
    this.#nodes = []
    this.#casts = new Map(casts)
    try {
      const made = make()
      this.#own("If", [made])
      const inside = this.#nodes.some(({ outputs }) => outputs.includes(made.name))
      const result = inside ? made : this.node("Identity", [made], {}, { outputs: [made] })[0]
      return { nodes: this.#nodes, result }
    } finally {
      this.#nodes = nodes
      this.#casts = casts
    }
  }

  /** The model's bytes. Without `external` the graph must have no weights. */
  encode(external?: ExternalData): Uint8Array {
    const renamed = new Map([...this.#outputs].map(([name, value]) => [value.name, name]))
    const named = (name: string): string => renamed.get(name) ?? name
    const port = (name: string, { dtype, shape }: Value): Message<"ValueInfo"> => ({
      name,
      type: {
        tensorType: { elemType: elementTypes[dtype], shape: { dim: shape.map((side) => (typeof side === "number" ? { dimValue: side } : { dimParam: side })) } }
      }
    })
    const weights = [...this.#weights.values()].map(({ value, weight }): Message<"Tensor"> => {
      if (external === undefined) throw new Error(`graph ${this.name} has weights, and no file to find them in`)
      return {
        dims: weight.shape,
        dataType: elementTypes[weight.dtype],
        name: value.name,
        dataLocation: EXTERNAL,
        externalData: [
          { key: "location", value: external.location },
          { key: "offset", value: String(external.offsetOf(weight)) },
          { key: "length", value: String(sizeOf(weight.shape) * bytesOf[weight.dtype]) }
        ]
      }
    })
    const constants = [...this.#constants.values()].map(({ tensor, value }): Message<"Tensor"> => ({
      dims: tensor.shape,
      dataType: elementTypes[tensor.dtype],
      name: value.name,
      rawData: bytesOfData(tensor.data)
    }))
    let written = 0
    const encodeNode = ({ attributes, branches, domain, inputs, op, outputs }: Node): Message<"Node"> => ({
      input: inputs.map(named),
      output: outputs.map(named),
      name: `${written++}/${op}`,
      opType: op,
      attribute: branches === undefined ? attributes : Object.entries(branches).map(encodeBranch),
      ...(domain === "" ? {} : { domain })
    })
    const encodeBranch = ([name, { nodes, result }]: [string, Branch]): Message<"Attribute"> => ({
      name,
      type: attributeTypes.graph,
      g: { name: `${written++}/${name}`, node: nodes.map(encodeNode), output: [port(result.name, result)] }
    })
    return encodeModel({
      irVersion: IR_VERSION,
      producerName: "sensorium",
      opsetImport: [
        { domain: "", version: OPSET },
        { domain: "com.microsoft", version: 1 }
      ],
      graph: {
        name: this.name,
        node: this.#nodes.map(encodeNode),
        initializer: [...constants, ...weights],
        input: [...this.#inputs].map(([name, value]) => port(name, value)),
        output: [...this.#outputs].map(([name, value]) => port(name, value))
      }
    })
  }

  #own(op: string, values: ReadonlyArray<Value | undefined>): void {
    for (const value of values) {
      if (value !== undefined && value.graph !== this) throw new Error(`${op} of graph ${this.name}: ${value.name} belongs to graph ${value.graph.name}`)
    }
  }
}
