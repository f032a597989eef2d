import { paddedRows } from "./vision.ts"

/** Which rows of a picture's slots stand for something, as the encoder's graph takes it (see `vision`). */
export interface SlotRows {
  /** [slots x padded rows]: numbers of rows, slot by slot, those that stand for something first. */
  readonly order: ReadonlyArray<number>
  /** How many stand for something. */
  readonly real: number
  /** [slots x rows]: where in `order` each hidden row is, padding behind a slot's rows left out. */
  readonly restore: ReadonlyArray<number>
}

/** Of `slots` slots of `tileRows` rows, the first `tiles` of which the picture fills. */
export const slotRows = (slots: number, tiles: number, tileRows: number): SlotRows => {
  const padded = paddedRows(tileRows)
  const all = Array.from({ length: slots * padded }, (_, row) => row)
  const isReal = (row: number) => row < tiles * padded && row % padded < tileRows
  const order = [...all.filter(isReal), ...all.filter((row) => !isReal(row))]
  const at = new Int32Array(all.length)
  order.forEach((row, i) => {
    at[row] = i
  })
  return { order, real: tiles * tileRows, restore: all.filter((row) => row % padded < tileRows).map((row) => at[row]) }
}
