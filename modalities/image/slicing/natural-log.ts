/** Bits behind the point of the fixed-point numbers here: far more than a double has, so that the last rounding decides. */
const BITS = 128n
const ONE = 1n << BITS

/** 2 atanh(z) of a fixed-point z well below 1: log((1 + z) / (1 - z)). */
const doubleAtanh = (z: bigint): bigint => {
  const square = (z * z) >> BITS
  let [term, sum] = [z, z]
  for (let odd = 3n; term !== 0n && term !== -1n; odd += 2n) {
    term = (term * square) >> BITS
    sum += term / odd
  }
  return 2n * sum
}

const LN2 = doubleAtanh(ONE / 3n)

/**
 * The natural logarithm of a positive number, rounded correctly, as C libraries give it (and Python's `math.log`). `Math.log` is off by the last bit for one
 * number in fourteen, which decides between two grids that suit a picture equally well.
 */
export const naturalLog = (value: number): number => {
  if (value === 1) return 0
  let [whole, exponent] = [value, 0]
  while (!Number.isInteger(whole)) {
    whole *= 2
    exponent--
  }
  // value = mantissa x 2 ** exponent, the mantissa between 0.7 and 1.5 so that the series is short.
  const shift = Math.round(Math.log2(whole))
  const mantissa = shift >= 0 ? (BigInt(whole) << BITS) >> BigInt(shift) : BigInt(whole) << BITS
  const log = doubleAtanh(((mantissa - ONE) << BITS) / (mantissa + ONE)) + BigInt(exponent + shift) * LN2
  return Number(log) / Number(ONE)
}
