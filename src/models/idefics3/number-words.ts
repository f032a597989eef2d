const ones = [
  "zero",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve",
  "thirteen",
  "fourteen",
  "fifteen",
  "sixteen",
  "seventeen",
  "eighteen",
  "nineteen"
]
const tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
const scales = [
  [1e9, "billion"],
  [1e6, "million"],
  [1e3, "thousand"],
  [100, "hundred"]
] as const

/** A whole number from 0 in English words, as Python's `num2words` writes it: "one thousand, two hundred and thirty-four". */
export const numberWords = (value: number): string => {
  if (value < 20) return ones[value]
  if (value < 100) return tens[Math.floor(value / 10)] + (value % 10 === 0 ? "" : `-${ones[value % 10]}`)
  const [size, name] = scales.find(([least]) => value >= least) ?? scales[3]
  const [whole, rest] = [Math.floor(value / size), value % size]
  return `${numberWords(whole)} ${name}${rest === 0 ? "" : rest < 100 ? ` and ${numberWords(rest)}` : size === 100 ? ` and ${numberWords(rest)}` : `, ${numberWords(rest)}`}`
}
