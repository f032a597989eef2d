/** Rows that `frames` mel frames have after Whisper's strided convolution. */
export const convolvedRows = (frames: number): number => Math.floor((frames - 1) / 2) + 1

/** Rows after neighbours are averaged as well, an odd last one left out (`_get_feat_extract_output_lengths` of transformers' Qwen2-Audio): none for 1 or 2 frames. */
export const pooledRows = (frames: number): number => Math.max(0, Math.floor((convolvedRows(frames) - 2) / 2) + 1)
