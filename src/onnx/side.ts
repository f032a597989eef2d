/**
 * One side of a shape: a number, or an expression of sides that a run decides, in one canonical spelling, so that equal sides are equal strings:
 * "rows", "7*rows", "rows/4", "(cells+rows)". What stands in parentheses is one symbol to everything around it.
 */
export type Side = number | string

/** A rational number times symbols, sorted by name. */
interface Product {
  readonly numerator: number
  readonly denominator: number
  readonly symbols: ReadonlyArray<string>
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b))

const reduced = (numerator: number, denominator: number, symbols: ReadonlyArray<string>): Product => {
  const common = gcd(numerator, denominator) || 1
  return { numerator: numerator / common, denominator: denominator / common, symbols: [...symbols].sort() }
}

/** Cuts at each separator that stands outside parentheses; the separator stays at the beginning of its piece. */
const cut = (text: string, separators: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") depth++
    else if (text[i] === ")") depth--
    else if (depth === 0 && i > start && separators.includes(text[i])) {
      pieces.push(text.slice(start, i))
      start = i
    }
  }
  return [...pieces, text.slice(start)]
}

const parse = (side: Side): Product => {
  if (typeof side === "number") return { numerator: side, denominator: 1, symbols: [] }
  const symbols: Array<string> = []
  let [numerator, denominator] = [1, 1]
  for (const piece of cut(side, "*/")) {
    const body = piece[0] === "*" || piece[0] === "/" ? piece.slice(1) : piece
    if (piece[0] === "/") denominator *= Number(body)
    else if (/^\d+$/.test(body)) numerator *= Number(body)
    else symbols.push(body)
  }
  return reduced(numerator, denominator, symbols)
}

const print = ({ denominator, numerator, symbols }: Product): Side => {
  if (symbols.length === 0) return numerator / denominator
  const factors = numerator === 1 ? symbols : [String(numerator), ...symbols]
  return factors.join("*") + (denominator === 1 ? "" : `/${denominator}`)
}

/** The product of sides; 1 for none. */
export const product = (sides: ReadonlyArray<Side>): Side => {
  const factors = sides.map(parse)
  if (factors.some(({ numerator }) => numerator === 0)) return 0
  return print(factors.reduce((a, b) => reduced(a.numerator * b.numerator, a.denominator * b.denominator, [...a.symbols, ...b.symbols]), parse(1)))
}

/** `a / b`; an expression of its own where symbols of `b` do not cancel; undefined where two numbers do not divide, or `b` is 0. */
export const quotient = (a: Side, b: Side): Side | undefined => {
  const [upper, lower] = [parse(a), parse(b)]
  if (lower.numerator === 0) return undefined
  const symbols = [...upper.symbols]
  for (const symbol of lower.symbols) {
    const at = symbols.indexOf(symbol)
    if (at === -1) return `(${a}/${b})`
    symbols.splice(at, 1)
  }
  const result = reduced(upper.numerator * lower.denominator, upper.denominator * lower.numerator, symbols)
  return result.symbols.length === 0 && result.denominator !== 1 ? undefined : print(result)
}

/** Terms of a sum: a number, and whole multiples of expressions. */
const terms = (side: Side): ReadonlyArray<readonly [key: string, times: number]> => {
  if (typeof side === "number") return [["", side]]
  const inner = side.startsWith("(") && cut(side, "*/").length === 1 ? side.slice(1, -1) : side
  const pieces = cut(inner, "+-")
  // A pair of parentheses that holds no sum (a quotient, a rounded side) is one term.
  if (inner !== side && pieces.length === 1) return [[side, 1]]
  return pieces.map((piece) => {
    const negative = piece.startsWith("-")
    const body = /^[+-]/.test(piece) ? piece.slice(1) : piece
    if (/^\d+$/.test(body)) return ["", negative ? -Number(body) : Number(body)] as const
    const { denominator, numerator, symbols } = parse(body)
    return [String(print({ numerator: 1, denominator, symbols })), negative ? -numerator : numerator] as const
  })
}

/** The sum of sides; a side may be a negative number. */
export const sum = (sides: ReadonlyArray<Side>): Side => {
  const found = new Map<string, number>()
  for (const [key, times] of sides.flatMap(terms)) found.set(key, (found.get(key) ?? 0) + times)
  const constant = found.get("") ?? 0
  const symbolic = [...found].filter(([key, times]) => key !== "" && times !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
  if (symbolic.length === 0) return constant
  const written = symbolic
    .map(([key, times]) => `${times < 0 ? "-" : "+"}${product([Math.abs(times), key])}`)
    .join("")
    .replace(/^\+/, "")
  if (symbolic.length === 1 && constant === 0) return written
  return `(${written}${constant === 0 ? "" : constant < 0 ? constant : `+${constant}`})`
}

/** `floor(side / by)`. */
export const floorDivide = (side: Side, by: number): Side => {
  if (typeof side === "number") return Math.floor(side / by)
  return by === 1 ? side : `(floor(${side},${by}))`
}

/** The side that a broadcast of `a` and `b` has; undefined where they cannot be. Two different symbols are taken for equal, and the first one's name is kept. */
export const broadcastSide = (a: Side, b: Side): Side | undefined => {
  if (a === b || b === 1) return a
  if (a === 1) return b
  if (typeof a === "number") return typeof b === "number" ? undefined : a
  return typeof b === "number" ? b : a.startsWith("?") ? b : a
}
