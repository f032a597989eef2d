import type { RgbImage } from "./rgb-image.ts"

/** How frames are cut into patches. */
export interface PatchLayout {
  /** Pixels along a side of a patch. */
  readonly patchSize: number
  /** Frames in a patch. */
  readonly temporalPatchSize: number
  /** Patches along a side of a merge block; a block's patches stand together. */
  readonly mergeSize: number
}

/** Patches, before the spatial merge. */
export interface PatchFeatures {
  /** Steps, rows and columns of patches. */
  readonly grid: readonly [steps: number, rows: number, columns: number]
  /** [steps x rows x columns, 3 x temporalPatchSize x patchSize x patchSize]; rows in merge-block order. */
  readonly data: Float32Array
}

/**
 * Cuts frames of one size into patches, as Qwen2-VL's processors lay them out: rows ordered by [step, block row, block column, row in block, column in
 * block], numbers in a row by [channel, frame, y, x]. The last frame is repeated until the step is full. `table` [3, 256] is what each level becomes
 * (`normalizationTable`). Sides must be multiples of patchSize x mergeSize.
 */
export const patchify = (frames: ReadonlyArray<RgbImage>, layout: PatchLayout, table: Float32Array): PatchFeatures => {
  const { patchSize, temporalPatchSize, mergeSize } = layout
  const [{ width, height }] = frames
  const unit = patchSize * mergeSize
  if (width % unit !== 0 || height % unit !== 0) throw new Error(`${width} x ${height} is not a multiple of ${unit}`)
  if (frames.some((frame) => frame.width !== width || frame.height !== height)) throw new Error("frames of several sizes")
  const steps = Math.ceil(frames.length / temporalPatchSize)
  const rows = height / patchSize
  const columns = width / patchSize
  const data = new Float32Array(steps * temporalPatchSize * 3 * height * width)
  const stride = width * 3
  let o = 0
  for (let step = 0; step < steps; step++) {
    const group = Array.from({ length: temporalPatchSize }, (_, i) => frames[Math.min(step * temporalPatchSize + i, frames.length - 1)].data)
    for (let blockRow = 0; blockRow < rows; blockRow += mergeSize) {
      for (let blockColumn = 0; blockColumn < columns; blockColumn += mergeSize) {
        for (let inBlock = 0; inBlock < mergeSize * mergeSize; inBlock++) {
          const top = (blockRow + Math.floor(inBlock / mergeSize)) * patchSize
          const left = (blockColumn + (inBlock % mergeSize)) * patchSize
          for (let channel = 0; channel < 3; channel++) {
            const levels = channel * 256
            for (const pixels of group) {
              for (let y = top; y < top + patchSize; y++) {
                let p = y * stride + left * 3 + channel
                for (let x = 0; x < patchSize; x++, p += 3) data[o++] = table[levels + pixels[p]]
              }
            }
          }
        }
      }
    }
  }
  return { grid: [steps, rows, columns], data }
}
