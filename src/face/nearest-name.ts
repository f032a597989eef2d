/** Edits (insert, delete, replace) between two words. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]
}

/** The known name that is the fewest edits away; the first of several, "" of none. */
export const nearest = (name: string, known: ReadonlyArray<string>): string =>
  known.reduce((best, one) => (best === "" || distance(name, one) < distance(name, best) ? one : best), "")
