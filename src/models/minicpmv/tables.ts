import { Option, Schema } from "effect"
import { gridOf } from "./parts.ts"
import { steppedPositions } from "./part-inputs.ts"

const Pair = Schema.Tuple([Schema.Int, Schema.Int])
const Slicing = Schema.Array(
  Schema.Struct({
    width: Schema.Int,
    height: Schema.Int,
    limit: Schema.Int,
    rows: Schema.Int,
    cols: Schema.Int,
    overview: Pair,
    slice: Schema.optional(Pair)
  })
)
const Positions = Schema.Array(Schema.Array(Schema.Int))

/** Compares slicing.json: at the published settings (448, patches of 14), what each picture is cut into. `unit`: patches that sides are multiples of. */
export const slicingTable =
  (unit: number, hasModes: boolean) =>
  (table: unknown): ReadonlyArray<string> => {
    const rows = Option.getOrUndefined(Schema.decodeUnknownOption(Slicing)(table))
    if (rows === undefined) return ["not a list of pictures with their grids"]
    return rows.flatMap(({ cols, height, limit, overview, rows: wanted, slice, width }) => {
      const grid = gridOf({ width, height }, { maxSlices: limit, scale: 448, unit: unit * 14 }, hasModes)
      const [first] = grid.slices
      const own = [grid.rows, grid.columns, grid.overview.height, grid.overview.width, ...(first === undefined ? [] : [first.height, first.width])]
      const reference = [wanted, cols, ...overview, ...(slice ?? [])]
      return own.join() === reference.join() ? [] : [`${width} x ${height}, at most ${limit}: ${own.join(", ")}; the reference has ${reference.join(", ")}`]
    })
  }

/** Compares positions.json: for 1, 2, .. patches along a side, which of 70 learned positions each has (2.6). */
export const positionsTable = (table: unknown): ReadonlyArray<string> => {
  const rows = Option.getOrUndefined(Schema.decodeUnknownOption(Positions)(table))
  if (rows === undefined) return ["not a list of lists of positions"]
  return rows.flatMap((wanted, i) => {
    const own = steppedPositions(i + 1, 70).join()
    return own === wanted.join() ? [] : [`${i + 1} patches: ${own}; the reference has ${wanted.join()}`]
  })
}
