const bits = new Uint32Array(1)
const value = new Float32Array(bits.buffer)

/** IEEE half to single: exact. */
export const halfToFloat = (half: number): number => {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return (sign ? -1 : 1) * fraction * 2 ** -24
  bits[0] = sign | (exponent === 31 ? 0x7f800000 : (exponent + 112) << 23) | (fraction << 13)
  return value[0]
}

/** Single to IEEE half, round to nearest even; too large becomes infinity, NaN stays NaN. */
export const floatToHalf = (single: number): number => {
  value[0] = single
  const word = bits[0]
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below the smallest normal half: a multiple of 2^-24.
    const scaled = Math.abs(value[0]) * 2 ** 24
    const down = Math.floor(scaled)
    const rest = scaled - down
    return sign | (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down)
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)
  return sign | (rounded >>> 13)
}

/** A whole array of halves as singles. */
export const halvesToFloats = (halves: Uint16Array): Float32Array => {
  const out = new Float32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = halfToFloat(halves[i])
  return out
}

/** A whole array of singles as halves. */
export const floatsToHalves = (floats: Float32Array): Uint16Array => {
  const out = new Uint16Array(floats.length)
  for (let i = 0; i < out.length; i++) out[i] = floatToHalf(floats[i])
  return out
}

/** bfloat16 is the upper half of a single: exact. */
export const bfloatsToFloats = (bfloats: Uint16Array): Float32Array => {
  const out = new Uint32Array(bfloats.length)
  for (let i = 0; i < out.length; i++) out[i] = bfloats[i] << 16
  return new Float32Array(out.buffer)
}

/** Singles as bfloat16, round to nearest even; NaN stays NaN. */
export const floatsToBfloats = (floats: Float32Array): Uint16Array => {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  const out = new Uint16Array(floats.length)
  for (let i = 0; i < out.length; i++) {
    const word = words[i]
    out[i] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}
