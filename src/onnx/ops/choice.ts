import type { Value } from "../graph-builder.ts"

/** What `then` makes where `condition` [1] (bool) holds, what `otherwise` makes where not; the other is not computed (ONNX `If`). */
export const choose = (condition: Value, then: () => Value, otherwise: () => Value): Value => condition.graph.conditional(condition, then, otherwise)
