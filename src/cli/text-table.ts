/** Lays rows of cells out in columns, two spaces apart; columns of numbers stand to the right. */
export const textTable = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const cells = Array.from({ length: columns }, (_, column) => rows.map((row) => row[column] ?? ""))
  const widths = cells.map((column) => Math.max(...column.map((cell) => cell.length)))
  // The first row is the heading.
  const numeric = cells.map((column) => column.length > 1 && column.slice(1).every((cell) => /^[\d,.]*$/.test(cell)))
  const line = (row: ReadonlyArray<string>) =>
    widths.map((width, column) => (numeric[column] ? (row[column] ?? "").padStart(width) : (row[column] ?? "").padEnd(width)))
  return rows.map((row) => line(row).join("  ").trimEnd()).join("\n")
}

/** 1234567 -> "1,234,567" */
export const count = (value: number): string => value.toLocaleString("en")

/** Bytes for people: "1.2 GB". */
export const bytes = (value: number): string => {
  const units = ["bytes", "kB", "MB", "GB", "TB"]
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  return step === 0 ? `${value} bytes` : `${(value / 1000 ** step).toPrecision(3)} ${units[step]}`
}
