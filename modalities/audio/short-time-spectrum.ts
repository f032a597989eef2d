import { realFourier } from "./fourier.ts"

/** How sound is cut into frames before its spectrum is taken. */
export interface Framing {
  /** Samples of a frame, and points of the transform. */
  readonly fftSize: number
  /** Samples from one frame to the next. */
  readonly hop: number
}

/** Power spectra of frames. Its scratch arrays are its own: one call at a time. */
export interface ShortTimeSpectrum {
  /** floor(fftSize / 2) + 1. */
  readonly frequencies: number
  /** |X|^2 of the frame that begins at `from` in `samples`; the array is used again by the next call. */
  readonly power: (samples: Float32Array, from: number) => Float64Array
}

/** Hamming's window of `length` points, symmetric: both ends alike. */
export const hammingWindow = (length: number): Float64Array => Float64Array.from({ length }, (_, k) => 0.54 - 0.46 * Math.cos((2 * Math.PI * k) / (length - 1)))

/** Hann's window of `length` points, periodic, rounded to float32 as torch keeps it. */
export const hannWindow = (length: number): Float32Array => Float32Array.from({ length }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / length))

/** Spectra under `window` [fftSize or less, zeros behind], in float64. */
export const shortTimeSpectrum = (fftSize: number, window: Float32Array | Float64Array): ShortTimeSpectrum => {
  const fourier = realFourier(fftSize)
  const { frequencies } = fourier
  const frame = new Float64Array(fftSize)
  const re = new Float64Array(frequencies)
  const im = new Float64Array(frequencies)
  const power = new Float64Array(frequencies)
  return {
    frequencies,
    power: (samples, from) => {
      for (let j = 0; j < window.length; j++) frame[j] = samples[from + j] * window[j]
      fourier.transform(frame, re, im)
      for (let k = 0; k < frequencies; k++) power[k] = re[k] * re[k] + im[k] * im[k]
      return power
    }
  }
}
