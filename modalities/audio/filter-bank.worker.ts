/** Kaldi-like log filter bank energies, off the event loop. */
import { type FilterBank, kaldiMelFilters } from "./mel-filters.ts"
import { type Framing, hammingWindow, shortTimeSpectrum, type ShortTimeSpectrum } from "./short-time-spectrum.ts"

/** What decides the energies. */
export interface FilterBankSettings extends Framing {
  /** Samples of a frame that are looked at; the transform's other points are zeros. */
  readonly windowLength: number
  readonly bins: number
  readonly sampleRateHz: number
  readonly minHertz: number
  readonly maxHertz: number
  /** What of the sample before is taken from each sample. */
  readonly preemphasis: number
}

const kept = new Map<string, { readonly spectrum: ShortTimeSpectrum; readonly bank: FilterBank; readonly frame: Float32Array }>()

const frontEnd = (settings: FilterBankSettings) => {
  const key = JSON.stringify(settings)
  let one = kept.get(key)
  if (one === undefined) {
    const { bins, fftSize, maxHertz, minHertz, sampleRateHz, windowLength } = settings
    const spectrum = shortTimeSpectrum(fftSize, hammingWindow(windowLength))
    one = { spectrum, bank: kaldiMelFilters(bins, spectrum.frequencies, sampleRateHz, minHertz, maxHertz), frame: new Float32Array(windowLength) }
    kept.set(key, one)
  }
  return one
}

/** Samples are taken as 16-bit ones. */
const FULL_SCALE = 32768

/**
 * Energies of `frames` frames [frames, bins], natural logarithms, at least 0; the first frame begins with the first of `samples`. Each frame is emphasised for
 * itself: its first sample is taken to follow its own like.
 */
export const filterBankEnergies = (samples: Float32Array, frames: number, settings: FilterBankSettings): Float32Array => {
  const {
    bank: { filters },
    frame,
    spectrum
  } = frontEnd(settings)
  const { fround } = Math
  const preemphasis = fround(settings.preemphasis)
  const data = new Float32Array(frames * filters.length)
  for (let i = 0; i < frames; i++) {
    const from = i * settings.hop
    for (let j = 0; j < frame.length; j++) frame[j] = fround(samples[from + j] - fround(preemphasis * samples[from + Math.max(0, j - 1)])) * FULL_SCALE
    const power = spectrum.power(frame, 0)
    for (let bin = 0; bin < filters.length; bin++) {
      const { from: first, weights } = filters[bin]
      let sum = 0
      for (let k = 0; k < weights.length; k++) sum += weights[k] * power[first + k]
      data[i * filters.length + bin] = Math.log(Math.max(sum, 1))
    }
  }
  return data
}
