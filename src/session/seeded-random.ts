const MASK_64 = (1n << 64n) - 1n

/** SplitMix64 (Steele, Lea, Flood 2014): spreads a seed over the state of another generator. Each call gives the next 64 bits. */
export const splitMix64 = (seed: bigint): (() => bigint) => {
  let state = BigInt.asUintN(64, seed)
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64
    return z ^ (z >> 31n)
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** xoshiro128** 1.1 (Blackman, Vigna 2018) from a state that is not all zero. Each call gives the next 32 bits, from 0 to 2^32 - 1. */
export const xoshiro128StarStar = (state: readonly [number, number, number, number]): (() => number) => {
  let [a, b, c, d] = state
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }
}

/** Numbers from 0 up to but not 1, with 53 bits, by xoshiro128** with the state that SplitMix64 makes of `seed`, a whole number. */
export const seededRandom = (seed: number): (() => number) => {
  const spread = splitMix64(BigInt(seed))
  const first = spread()
  const second = spread()
  const next = xoshiro128StarStar([Number(first & 0xffffffffn), Number(first >> 32n), Number(second & 0xffffffffn), Number(second >> 32n)])
  return () => {
    const high = next() >>> 5
    const low = next() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }
}
