/** The kernels that processors name: `bicubic` has a = -0.5, `lanczos` three lobes, `nearest` takes one pixel and weighs none. */
export type FilterName = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos"

/** A kernel and the distance, in source pixels, beyond which it is 0. */
export interface ResampleFilter {
  readonly support: number
  readonly weight: (x: number) => number
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

const bicubic = (at: number): number => {
  const a = -0.5
  const x = Math.abs(at)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

const hamming = (at: number): number => {
  const x = Math.abs(at)
  return x === 0 ? 1 : x >= 1 ? 0 : (Math.sin(x * Math.PI) / (x * Math.PI)) * (0.54 + 0.46 * Math.cos(x * Math.PI))
}

/** The kernels of Pillow's `Resample.c`, written the way it writes them, so that they round the same. */
export const resampleFilters: Readonly<Record<Exclude<FilterName, "nearest">, ResampleFilter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) }
}
