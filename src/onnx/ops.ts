/** One function for every operator that graphs here are made of; each finds its graph in the values it is given. */
export * from "./ops/arithmetic.ts"
export * from "./ops/attention.ts"
export * from "./ops/convolution.ts"
export * from "./ops/indexing.ts"
export * from "./ops/normalization.ts"
export * from "./ops/products.ts"
export * from "./ops/reduction.ts"
export * from "./ops/shape.ts"
