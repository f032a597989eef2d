/** Triangular filters over frequencies, each kept from its first to its last number that is not 0. */
export interface FilterBank {
  readonly filters: ReadonlyArray<{ readonly from: number; readonly weights: Float32Array }>
}

const slaney = { start: 1000, mel: 15, step: 27 / Math.log(6.4) }

/** Slaney's mel scale: linear below 1 kHz, logarithmic above. */
const hertzToMel = (hertz: number): number => (hertz >= slaney.start ? slaney.mel + Math.log(hertz / slaney.start) * slaney.step : (3 * hertz) / 200)

const melToHertz = (mel: number): number => (mel >= slaney.mel ? slaney.start * Math.exp((mel - slaney.mel) / slaney.step) : (200 * mel) / 3)

/** Kaldi's mel scale. */
const kaldiMel = (hertz: number): number => 1127 * Math.log(1 + hertz / 700)

const linspace = (from: number, to: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * ((to - from) / (count - 1))))

/** A filter without the zeros at its ends. */
const triangle = (weights: ReadonlyArray<number>) => {
  const from = Math.max(
    0,
    weights.findIndex((weight) => weight > 0)
  )
  return { from, weights: Float32Array.from(weights.slice(from, weights.findLastIndex((weight) => weight > 0) + 1)) }
}

/**
 * Slaney's mel filters, normalized to equal area, as `mel_filter_bank(norm="slaney", mel_scale="slaney")` of transformers computes them: `bins` filters
 * between 0 and `maxHertz` over `frequencies` points between 0 and half of `sampleRateHz`; float32, as the extractor keeps them.
 */
export const slaneyMelFilters = (bins: number, frequencies: number, sampleRateHz: number, maxHertz: number): FilterBank => {
  const corners = linspace(hertzToMel(0), hertzToMel(maxHertz), bins + 2).map(melToHertz)
  const points = linspace(0, Math.floor(sampleRateHz / 2), frequencies)
  return {
    filters: Array.from({ length: bins }, (_, bin) => {
      const [low, center, high] = corners.slice(bin, bin + 3)
      const area = 2 / (high - low)
      const weights = points.map((point) => Math.max(0, Math.min((point - low) / (center - low), (high - point) / (high - center))) * area)
      return triangle(weights)
    })
  }
}

/**
 * Kaldi's mel filters, triangles on the mel scale itself, as `mel_filter_bank(mel_scale="kaldi", triangularize_in_mel_space=True)` of transformers computes them:
 * `bins` filters between `minHertz` and `maxHertz` over `frequencies` points between 0 and half of `sampleRateHz`.
 */
export const kaldiMelFilters = (bins: number, frequencies: number, sampleRateHz: number, minHertz: number, maxHertz: number): FilterBank => {
  const corners = linspace(kaldiMel(minHertz), kaldiMel(maxHertz), bins + 2)
  const points = Array.from({ length: frequencies }, (_, k) => kaldiMel((sampleRateHz / ((frequencies - 1) * 2)) * k))
  return {
    filters: Array.from({ length: bins }, (_, bin) => {
      const [low, center, high] = corners.slice(bin, bin + 3)
      return triangle(points.map((point) => Math.max(0, Math.min((point - low) / (center - low), (high - point) / (high - center)))))
    })
  }
}
