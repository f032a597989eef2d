/** From 8-bit levels to what an encoder takes. */
export interface Normalization {
  /** Of red, green, blue, on the scale from 0 to 1. */
  readonly mean: readonly [red: number, green: number, blue: number]
  readonly std: readonly [red: number, green: number, blue: number]
  /** What a level is multiplied by; published: 1 / 255. */
  readonly rescaleFactor: number
  /**
   * In which order float32 rounds. "separate": rescale, then normalize (transformers' slow image processors, numpy). "fused": mean and deviation
   * are scaled instead of the picture (its fast image and video processors, torch).
   */
  readonly order: "separate" | "fused"
}

const f32 = Math.fround

/** [3, 256]: what each level of each channel becomes, in the reference's own float32 steps. */
export const normalizationTable = (normalization: Normalization): Float32Array => {
  const { rescaleFactor, order } = normalization
  const table = new Float32Array(3 * 256)
  for (let channel = 0; channel < 3; channel++) {
    const mean = f32(normalization.mean[channel])
    const std = f32(normalization.std[channel])
    const back = f32(1 / rescaleFactor)
    for (let level = 0; level < 256; level++) {
      table[channel * 256 + level] = order === "separate" ? f32(f32(level * rescaleFactor) - mean) / std : f32(level - f32(mean * back)) / f32(std * back)
    }
  }
  return table
}
