import type { PixelPlanes } from "./picture-recipe.ts"

/** Pictures as one strip of patches. */
export interface PatchStrip {
  /** [3, patch, patches x patch]: patches side by side, picture by picture, each row by row. */
  readonly data: Float32Array
  /** Of all pictures. */
  readonly patches: number
}

/**
 * Patches side by side, as MiniCPM-V's processors hand them over (`reshape_by_patch`). Sides must be multiples of `patch`.
 */
export const patchStrip = (pictures: ReadonlyArray<PixelPlanes>, patch: number): PatchStrip => {
  const patches = pictures.reduce((sum, { height, width }) => sum + (height / patch) * (width / patch), 0)
  const stride = patches * patch
  const data = new Float32Array(3 * patch * stride)
  let first = 0
  for (const { data: planes, height, width } of pictures) {
    const [down, across] = [height / patch, width / patch]
    if (!Number.isInteger(down) || !Number.isInteger(across)) throw new Error(`${width} x ${height} is not a multiple of ${patch}`)
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < height; y++) {
        const from = (channel * height + y) * width
        const into = (channel * patch + (y % patch)) * stride + (first + Math.floor(y / patch) * across) * patch
        // A row of pixels goes through all patches of its row, which stand side by side.
        data.set(planes.subarray(from, from + width), into)
      }
    }
    first += down * across
  }
  return { data, patches }
}

/** Patches `from`..`from + count` of a strip of `patches`, [3, patch, count x patch]. */
export const cutStrip = (strip: Float32Array, patch: number, patches: number, from: number, count: number): Float32Array => {
  const [stride, width] = [patches * patch, count * patch]
  const data = new Float32Array(3 * patch * width)
  for (let row = 0; row < 3 * patch; row++) data.set(strip.subarray(row * stride + from * patch, row * stride + from * patch + width), row * width)
  return data
}
