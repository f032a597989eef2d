/** Whisper's log-mel, off the event loop. */
import { type FilterBank, slaneyMelFilters } from "./mel-filters.ts"
import { type Framing, hannWindow, shortTimeSpectrum, type ShortTimeSpectrum } from "./short-time-spectrum.ts"

/** What decides the spectrum and its bins. */
export interface MelSettings extends Framing {
  /** Mel bins: 80, 128. */
  readonly bins: number
  readonly sampleRateHz: number
}

/** A stretch of log-mel before it is clamped. */
export interface RawMel {
  /** [bins, frames], log10 of the power, at least -10. */
  readonly data: Float32Array
  /** The largest number in it. */
  readonly loudest: number
}

/** Whisper's filters end here, whatever the sample rate: `max_frequency` of WhisperFeatureExtractor. */
const maxHertz = 8000

const kept = new Map<string, { readonly spectrum: ShortTimeSpectrum; readonly bank: FilterBank }>()

const frontEnd = ({ bins, fftSize, hop, sampleRateHz }: MelSettings) => {
  const key = `${bins} ${fftSize} ${hop} ${sampleRateHz}`
  let one = kept.get(key)
  if (one === undefined) {
    const spectrum = shortTimeSpectrum(fftSize, hannWindow(fftSize))
    one = { spectrum, bank: slaneyMelFilters(bins, spectrum.frequencies, sampleRateHz, maxHertz) }
    kept.set(key, one)
  }
  return one
}

/** Log-mel of `frames` frames, the first of which begins with the first of `samples` [(frames - 1) x hop + fftSize]. */
export const rawMel = (samples: Float32Array, frames: number, settings: MelSettings): RawMel => {
  const {
    bank: { filters },
    spectrum
  } = frontEnd(settings)
  const data = new Float32Array(filters.length * frames)
  let loudest = -Infinity
  for (let frame = 0; frame < frames; frame++) {
    const power = spectrum.power(samples, frame * settings.hop)
    for (let bin = 0; bin < filters.length; bin++) {
      const { from, weights } = filters[bin]
      let sum = 0
      for (let k = 0; k < weights.length; k++) sum += weights[k] * power[from + k]
      const value = Math.fround(Math.log10(Math.max(sum, 1e-10)))
      data[bin * frames + frame] = value
      if (value > loudest) loudest = value
    }
  }
  return { data, loudest }
}
