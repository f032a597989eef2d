/** A discrete Fourier transform of one length. The scratch arrays are its own: one call at a time. */
export interface RealFourier {
  /** Real numbers that go in. */
  readonly length: number
  /** Frequencies that come out: floor(length / 2) + 1. */
  readonly frequencies: number
  /** Transforms `input` [length] into `re` and `im` [frequencies]. */
  readonly transform: (input: Float64Array, re: Float64Array, im: Float64Array) => void
}

const factors = (n: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  let rest = n
  for (const p of [4, 2, 3, 5]) for (; rest % p === 0; rest /= p) found.push(p)
  for (let p = 7; rest > 1; p += 2) for (; rest % p === 0; rest /= p) found.push(p)
  return found
}

/**
 * The complex transform of `n` numbers, for any n; fast where n has small factors (Stockham's autosort form, decimation in frequency, one pass a
 * factor). Whisper's 400 points have the factors 4, 4, 5, 5, which the well-kept libraries, all for powers of two, do not transform.
 */
const complexFourier = (n: number) => {
  const radices = factors(n)
  const cos = Float64Array.from({ length: n }, (_, k) => Math.cos((2 * Math.PI * k) / n))
  const sin = Float64Array.from({ length: n }, (_, k) => -Math.sin((2 * Math.PI * k) / n))
  let [re, im, toRe, toIm] = [new Float64Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)]
  const widest = Math.max(1, ...radices)
  const partRe = new Float64Array(widest)
  const partIm = new Float64Array(widest)

  /** One pass: `stride` transforms of `radix` x `rest` points become radix x stride transforms of `rest` points. */
  const pass = (radix: number, rest: number, stride: number): void => {
    const step = n / radix
    for (let p = 0; p < rest; p++) {
      for (let q = 0; q < stride; q++) {
        for (let k = 0; k < radix; k++) {
          const from = q + stride * (p + rest * k)
          partRe[k] = re[from]
          partIm[k] = im[from]
        }
        for (let k = 0; k < radix; k++) {
          let sumRe = 0,
            sumIm = 0
          for (let j = 0; j < radix; j++) {
            const angle = ((j * k) % radix) * step
            sumRe += partRe[j] * cos[angle] - partIm[j] * sin[angle]
            sumIm += partRe[j] * sin[angle] + partIm[j] * cos[angle]
          }
          const twiddle = (p * k * stride) % n
          const to = q + stride * (radix * p + k)
          toRe[to] = sumRe * cos[twiddle] - sumIm * sin[twiddle]
          toIm[to] = sumRe * sin[twiddle] + sumIm * cos[twiddle]
        }
      }
    }
    ;[re, im, toRe, toIm] = [toRe, toIm, re, im]
  }

  /** Four points need no products. */
  const passOfFour = (rest: number, stride: number): void => {
    for (let p = 0; p < rest; p++) {
      const w1 = (p * stride) % n,
        w2 = (2 * w1) % n,
        w3 = (3 * w1) % n
      for (let q = 0; q < stride; q++) {
        const a = q + stride * p,
          b = a + stride * rest,
          c = b + stride * rest,
          d = c + stride * rest
        const acRe = re[a] + re[c],
          acIm = im[a] + im[c],
          caRe = re[a] - re[c],
          caIm = im[a] - im[c]
        const bdRe = re[b] + re[d],
          bdIm = im[b] + im[d],
          dbRe = im[b] - im[d],
          dbIm = re[d] - re[b]
        const to = q + stride * 4 * p
        toRe[to] = acRe + bdRe
        toIm[to] = acIm + bdIm
        let x = caRe + dbRe,
          y = caIm + dbIm
        toRe[to + stride] = x * cos[w1] - y * sin[w1]
        toIm[to + stride] = x * sin[w1] + y * cos[w1]
        x = acRe - bdRe
        y = acIm - bdIm
        toRe[to + 2 * stride] = x * cos[w2] - y * sin[w2]
        toIm[to + 2 * stride] = x * sin[w2] + y * cos[w2]
        x = caRe - dbRe
        y = caIm - dbIm
        toRe[to + 3 * stride] = x * cos[w3] - y * sin[w3]
        toIm[to + 3 * stride] = x * sin[w3] + y * cos[w3]
      }
    }
    ;[re, im, toRe, toIm] = [toRe, toIm, re, im]
  }

  /** Fill `re` and `im`, call `run`, read the result from what it gives. */
  return {
    input: () => ({ re, im }),
    run: () => {
      let stride = 1
      for (const radix of radices) {
        const rest = n / stride / radix
        if (radix === 4) passOfFour(rest, stride)
        else pass(radix, rest, stride)
        stride *= radix
      }
      return { re, im }
    }
  }
}

/** The transform of `length` real numbers, in float64: X[k] = sum of x[j] e^(-2 pi i j k / length). An even length takes half a complex transform. */
export const realFourier = (length: number): RealFourier => {
  const frequencies = Math.floor(length / 2) + 1
  if (length % 2 === 1) {
    const odd = complexFourier(length)
    return {
      length,
      frequencies,
      transform: (input, re, im) => {
        const from = odd.input()
        from.re.set(input)
        from.im.fill(0)
        const out = odd.run()
        re.set(out.re.subarray(0, frequencies))
        im.set(out.im.subarray(0, frequencies))
      }
    }
  }
  const half = length / 2
  const even = complexFourier(half)
  const cos = Float64Array.from({ length: frequencies }, (_, k) => Math.cos((2 * Math.PI * k) / length))
  const sin = Float64Array.from({ length: frequencies }, (_, k) => -Math.sin((2 * Math.PI * k) / length))
  return {
    length,
    frequencies,
    transform: (input, re, im) => {
      const from = even.input()
      for (let j = 0; j < half; j++) {
        from.re[j] = input[2 * j]
        from.im[j] = input[2 * j + 1]
      }
      const out = even.run()
      for (let k = 0; k < frequencies; k++) {
        const a = k % half,
          b = (half - k) % half
        const evenRe = (out.re[a] + out.re[b]) / 2,
          evenIm = (out.im[a] - out.im[b]) / 2
        const oddRe = (out.im[a] + out.im[b]) / 2,
          oddIm = (out.re[b] - out.re[a]) / 2
        re[k] = evenRe + oddRe * cos[k] - oddIm * sin[k]
        im[k] = evenIm + oddRe * sin[k] + oddIm * cos[k]
      }
    }
  }
}
