import { describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { expect } from "vitest"
import { shrunk, unpadded } from "../../../modalities/image/slicing/unpadded-grid.ts"
import { anyResolution, bestResolution } from "../../../modalities/image/slicing/any-resolution.ts"
import { bilinearWeights } from "../../../src/compile/blocks/axis-weights.ts"
import type { TileEncoder } from "../../../src/compile/blocks/tile-encoder.ts"
import type { MediaPlan } from "../../../src/core/media-plan.ts"
import { encodePacked, packedRows, type Packer, pooledEncoder, type TileGridPlan } from "../../../src/models/llava_onevision/packing.ts"

const WIDTH = 2
const NEWLINE = Float32Array.of(-1, -2)

/** The graph `pack` in plain loops. */
const packer: Packer = {
  width: WIDTH,
  newline: Effect.succeed(NEWLINE),
  pack: (grid, { height, width }, rows, columns, breaks) =>
    Effect.sync(() => {
      expect(grid.length).toBeGreaterThanOrEqual(height * width * WIDTH)
      const [down, across] = [rows.length / height, columns.length / width]
      const out = new Float32Array(down * across * WIDTH)
      for (let y = 0; y < down; y++)
        for (let x = 0; x < across; x++)
          for (let c = 0; c < WIDTH; c++) {
            let sum = breaks[x] * NEWLINE[c]
            for (let i = 0; i < height; i++)
              for (let j = 0; j < width; j++) {
                const weight = rows[y * height + i] * columns[x * width + j]
                if (weight !== 0) sum += weight * grid[(i * width + j) * WIDTH + c]
              }
            out[(y * across + x) * WIDTH + c] = sum
          }
      return out
    })
}

/** Tiles of 1 x 1 pixels whose rows say which tile and row they are. */
const encoder = (across: number, tilesOfRun: number): TileEncoder => ({
  side: 1,
  channels: 1,
  rows: across ** 2,
  tilesOfRun,
  run: (pixels, tiles) =>
    Effect.sync(() =>
      Float32Array.from(
        { length: tiles * across ** 2 * WIDTH },
        (_, i) => pixels[Math.floor(i / WIDTH / across ** 2)] * 1000 + (Math.floor(i / WIDTH) % across ** 2) + (i % WIDTH) / 2
      )
    )
})

const plan: MediaPlan = {
  key: "",
  producer: "",
  modality: "image",
  source: "",
  part: 0,
  form: "rows",
  rows: 0,
  width: WIDTH,
  levels: 0,
  pieces: [],
  settings: { tiled: true }
}
const tilesOf = (count: number) => Stream.make({ shape: [count, 1, 1, 1], data: Float32Array.from({ length: count }, (_, i) => i) })

const encode = (across: number, grid: TileGridPlan | undefined, tilesOfRun: number) =>
  Effect.map(
    Stream.runCollect(encodePacked(encoder(across, tilesOfRun), packer, across, tilesOf(grid === undefined ? 1 : 1 + grid.rows * grid.columns), plan, grid)),
    (chunks) => {
      let from = 0
      for (const chunk of chunks) {
        expect([chunk.from, chunk.data.length]).toEqual([from, chunk.rows * WIDTH])
        from += chunk.rows
      }
      return { rows: from, data: chunks.flatMap(({ data }) => Array.from(data)), chunks: chunks.length }
    }
  )

/** The whole grid at once, without bands. */
const whole = (across: number, grid: TileGridPlan) =>
  Effect.gen(function* () {
    const rowsOf = (tile: number) => encoder(across, 1).run(Float32Array.of(tile), 1)
    const [height, width] = [grid.rows * across, grid.columns * across]
    const all = new Float32Array(height * width * WIDTH)
    for (let tile = 0; tile < grid.rows * grid.columns; tile++) {
      const rows = yield* rowsOf(tile + 1)
      for (let y = 0; y < across; y++)
        all.set(
          rows.subarray(y * across * WIDTH, (y + 1) * across * WIDTH),
          ((Math.floor(tile / grid.columns) * across + y) * width + (tile % grid.columns) * across) * WIDTH
        )
    }
    const { kept, packed } = grid
    const axis = (length: number, to: number, at: number, side: number, extra: number) => {
      const own = bilinearWeights(length, to)
      const weights = new Float32Array((to + extra) * side)
      for (let i = 0; i < to; i++) for (let j = 0; j < length; j++) weights[i * side + at + j] = own[i * length + j]
      return weights
    }
    const breaks = Float32Array.from({ length: packed.width + 1 }, (_, i) => (i === packed.width ? 1 : 0))
    const lines = yield* packer.pack(
      all,
      { height, width },
      axis(kept.height, packed.height, kept.top, height, 0),
      axis(kept.width, packed.width, kept.left, width, 1),
      breaks
    )
    return [...Array.from(yield* rowsOf(0)), ...Array.from(lines)]
  })

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("a tiled picture", () => {
  it.effect.prop(
    "has the rows that were planned, whatever runs its tiles go in, and the same as if all were there at once",
    [Schema.Struct({ width: int(1, 400), height: int(1, 400) }), int(1, 4), int(1, 4), int(1, 5), int(1, 20)],
    ([size, cells, across, most, tilesOfRun]) =>
      Effect.gen(function* () {
        const points = Array.from({ length: cells ** 2 }, (_, i) => ({ height: (Math.floor(i / cells) + 1) * 50, width: ((i % cells) + 1) * 50 }))
        const { columns, rows } = anyResolution(size, bestResolution(size, [points[0], ...points.slice(1)]), 50)
        const kept = unpadded(size, { width: columns * across, height: rows * across })
        const grid: TileGridPlan = { rows, columns, kept, packed: shrunk(kept, most * across ** 2) }
        const encoded = yield* encode(across, grid, tilesOfRun)
        expect(encoded.rows).toBe(across ** 2 + packedRows(grid))
        const reference = yield* whole(across, grid)
        expect(encoded.data.length).toBe(reference.length)
        expect(encoded.data.every((value, i) => Math.abs(value - reference[i]) <= 1e-3)).toBe(true)
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect("comes line by line: the first lines before the last tile", () =>
    Effect.gen(function* () {
      const size = { width: 3 * 4, height: 3 * 4 }
      const grid: TileGridPlan = { rows: 3, columns: 3, kept: { left: 0, top: 0, ...size }, packed: { width: 8, height: 8 } }
      expect((yield* encode(4, grid, 2)).chunks).toBe(4)
    })
  )

  it.effect("that is one tile ends in one line break", () =>
    Effect.gen(function* () {
      const { data, rows } = yield* encode(3, undefined, 4)
      expect(rows).toBe(10)
      expect(data.slice(-WIDTH)).toEqual(Array.from(NEWLINE))
    })
  )
})

it.effect("a frame keeps a quarter of its rows, an odd side rounded up", () =>
  Effect.gen(function* () {
    const pooled = pooledEncoder(encoder(5, 3), packer, 5)
    expect([pooled.rows, pooled.tilesOfRun]).toEqual([9, 3])
    const rows = yield* pooled.run(Float32Array.of(0, 1), 2)
    expect(rows.length).toBe(2 * 9 * WIDTH)
    // torch.nn.functional.interpolate(torch.arange(25.).view(1, 1, 5, 5), size=(3, 3), mode="bilinear")
    expect(Array.from({ length: 9 }, (_, i) => Math.round(rows[i * WIDTH] * 1e3) / 1e3)).toEqual([2, 3.667, 5.333, 10.333, 12, 13.667, 18.667, 20.333, 22])
  })
)
