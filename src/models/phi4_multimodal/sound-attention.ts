import type { AudioConfig } from "./audio-config.ts"

/** Entries of the table of relative positions, [rows, rows] (transformers 5.18 `Phi4MultimodalAudioRelativeAttentionBias`): how far each row stands behind the one that looks. */
export const relativeDistances = (
  rows: number,
  { bias_max_distance: most, bias_symmetric }: Pick<AudioConfig, "bias_max_distance" | "bias_symmetric">
): Int32Array => {
  const out = new Int32Array(rows * rows)
  for (let row = 0; row < rows; row++) {
    for (let other = 0; other < rows; other++) {
      const distance = Math.max(-most, Math.min(most - 1, other - row))
      out[row * rows + other] = bias_symmetric ? Math.abs(distance) : distance + most
    }
  }
  return out
}

/**
 * What is added to the scores, [rows, rows]: 1 where a row looks, 0 where not, which hides nothing (`Phi4MultimodalAudioModel`: the mask's truth values are added as they
 * are). A row looks at its own piece of `chunk_size` rows and at `left_chunk` pieces before it; all rows are one piece where there is no size.
 */
export const visibleRows = (rows: number, { chunk_size: size, left_chunk: left }: Pick<AudioConfig, "chunk_size" | "left_chunk">): Float32Array => {
  const out = new Float32Array(rows * rows)
  for (let row = 0; row < rows; row++) {
    const piece = size < 1 ? 0 : Math.floor(row / size)
    const [from, to] = size < 1 ? [0, rows] : [Math.max(0, piece - left) * size, Math.min(rows, (piece + 1) * size)]
    out.fill(1, row * rows + from, row * rows + to)
  }
  return out
}
