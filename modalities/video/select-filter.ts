/** Numbers that follow one another. */
type Range = readonly [first: number, last: number]

const rangesOf = (values: ReadonlyArray<number>): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  for (const value of values) {
    const last = ranges.at(-1)
    if (last !== undefined && value === last[1] + 1) ranges[ranges.length - 1] = [last[0], value]
    else ranges.push([value, value])
  }
  return ranges
}

/** A search by halves: ffmpeg's expressions nest at most 100 deep, and one is evaluated for each decoded frame. */
const search = (variable: string, ranges: ReadonlyArray<Range>, from: number, to: number): string => {
  if (to - from === 1) {
    const [first, last] = ranges[from]
    return first === last ? `eq(${variable}\\,${first})` : `between(${variable}\\,${first}\\,${last})`
  }
  const middle = (from + to) >> 1
  return `if(lt(${variable}\\,${ranges[middle][0]})\\,${search(variable, ranges, from, middle)}\\,${search(variable, ranges, middle, to)})`
}

/**
 * ffmpeg's `select` filter that keeps the frames whose number (`n`, from the start of decoding) or timestamp (`pts`) is among `values`.
 *
 * @param values Whole numbers, rising, at least one.
 */
export const selectFilter = (variable: "n" | "pts", values: ReadonlyArray<number>): string => {
  const ranges = rangesOf(values)
  return `select='${search(variable, ranges, 0, ranges.length)}'`
}
