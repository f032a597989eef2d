import type { PlannedPrompt } from "./ask.ts"
import type { LoadedModel } from "./model.ts"

/** One stage of a prompt's way to its answer. */
export interface GraphNode {
  readonly id: string
  readonly kind: "source" | "producer" | "text" | "layout" | "positions" | "prefill" | "decode"
  /** What runs there: a source's name, a producer's id, a family. */
  readonly label: string
  /** What comes out, in figures: rows, width, axes, cells. */
  readonly figures: Readonly<Record<string, number>>
  /** Nodes whose output it takes. */
  readonly from: ReadonlyArray<string>
}

/** The graph of a planned prompt as a value: sources, producers, layout, positions, prefill, decode. Nothing runs. */
export const describe = (model: LoadedModel, { plan, positions, summary }: PlannedPrompt): ReadonlyArray<GraphNode> => {
  const media = plan.media.flatMap(({ plan: { modality, producer, rows, source, width } }, i): ReadonlyArray<GraphNode> => [
    { id: `source.${i}`, kind: "source", label: `${modality} ${source}`, figures: {}, from: [] },
    { id: `producer.${i}`, kind: "producer", label: producer, figures: { rows, width }, from: [`source.${i}`] }
  ])
  const producers = media.filter(({ kind }) => kind === "producer").map(({ id }) => id)
  return [
    ...media,
    { id: "text", kind: "text", label: "chat template, tokenizer", figures: { rows: summary.rows.text }, from: [] },
    { id: "layout", kind: "layout", label: model.modelType, figures: { segments: plan.layout.segments.length, rows: summary.rows.total }, from: ["text"] },
    {
      id: "positions",
      kind: "positions",
      label: `${positions.axes} ${positions.axes === 1 ? "axis" : "axes"}`,
      figures: { largest: summary.positions.largest },
      from: ["layout"]
    },
    {
      id: "prefill",
      kind: "prefill",
      label: "decoder",
      figures: { cells: summary.cache.cells, bytes: summary.cache.bytes },
      from: ["layout", "positions", ...producers]
    },
    { id: "decode", kind: "decode", label: "decoder, sampler", figures: { maxTokens: summary.maxTokens }, from: ["prefill"] }
  ]
}

/** The graph as lines of text, one a node. */
export const draw = (nodes: ReadonlyArray<GraphNode>): string => {
  const width = Math.max(...nodes.map(({ id }) => id.length))
  return nodes
    .map(({ figures, from, id, label }) => {
      const numbers = Object.entries(figures)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")
      const arrow = from.length === 0 ? "" : `  <- ${from.join(", ")}`
      return `${id.padEnd(width)}  ${label}${numbers === "" ? "" : ` (${numbers})`}${arrow}`
    })
    .join("\n")
}
