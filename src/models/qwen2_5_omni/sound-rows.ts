/** Rows that `frames` mel frames have after the strided convolution. */
export const convolved = (frames: number): number => Math.floor((frames - 1) / 2) + 1

/** Embeddings of a recording of `frames` mel frames (`_get_feat_extract_output_lengths`): neighbours are averaged, an odd last one is left out. */
export const soundRows = (frames: number): number => Math.max(0, Math.floor((convolved(frames) - 2) / 2) + 1)
