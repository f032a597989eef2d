import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { int32 } from "../../../src/tensor/tensor.ts"
import { computed, noise, reader, run, whole } from "../run-graph.ts"

describe("gather", () => {
  const data = noise([5, 3, 2], 1)
  it("rows by number, as an embedding table is read", async () => {
    const [{ data: found, dims }] = await run({ data, at: whole([4], 4, 0, -1, 2) }, (v) => op.gather(v.data, v.at, 0), { at: ["tokens"] })
    expect(dims).toEqual([4, 3, 2])
    expect(found).toEqual(computed([4, 3, 2], ([i, j, k]) => reader(data)([[4, 0, 4, 2][i], j, k])))
  })

  it("along another axis, with indices of two axes, and with one index alone", async () => {
    const at = int32([2, 2], Int32Array.of(0, 2, 1, 1))
    const [table, one] = await run({ data, at, one: whole([], 1) }, (v) => [op.gather(v.data, v.at, 1), op.gather(v.data, v.one, -1)])
    expect(table.data).toEqual(
      computed([5, 2, 2, 2], ([i, a, b, k]) =>
        reader(data)([
          i,
          [
            [0, 2],
            [1, 1]
          ][a][b],
          k
        ])
      )
    )
    expect(one.data).toEqual(computed([5, 3], ([i, j]) => reader(data)([i, j, 1])))
  })

  it("indices are whole numbers", async () => {
    await run({ data }, (v) => {
      expect(() => op.gather(v.data, v.data, 0)).toThrow("Gather: indices are float32")
      return v.data
    })
  })
})

describe("coordinates", () => {
  const data = noise([3, 4, 2], 2)
  it("gatherNd: whole coordinates, leading ones, with a batch", async () => {
    const [elements, rows, batched] = await run(
      {
        data,
        full: whole([2, 3], 0, 1, 1, 2, 3, 0),
        part: whole([2, 2], 2, 0, 1, 3),
        each: whole([3, 1], 3, 0, 2)
      },
      (v) => [op.gatherNd(v.data, v.full), op.gatherNd(v.data, v.part), op.gatherNd(v.data, v.each, 1)],
      { full: ["points", 3] }
    )
    expect(elements.data).toEqual(
      [
        [0, 1, 1],
        [2, 3, 0]
      ].map(reader(data))
    )
    expect(rows.data).toEqual(computed([2, 2], ([i, k]) => reader(data)([[2, 1][i], [0, 3][i], k])))
    expect(batched.data).toEqual(computed([3, 2], ([i, k]) => reader(data)([i, [3, 0, 2][i], k])))
  })

  it("scatterNd: in the place of, or added to", async () => {
    const updates = noise([2, 4, 2], 3)
    const [replaced, added] = await run({ data, at: whole([2, 1], 2, 0), updates }, (v) => [
      op.scatterNd(v.data, v.at, v.updates),
      op.scatterNd(v.data, v.at, v.updates, "add")
    ])
    const from = (i: number) => [1, undefined, 0][i]
    const expected = (add: boolean) =>
      computed([3, 4, 2], ([i, j, k]) => {
        const source = from(i)
        const old = reader(data)([i, j, k])
        return source === undefined ? old : Math.fround((add ? old : 0) + reader(updates)([source, j, k]))
      })
    expect(replaced.data).toEqual(expected(false))
    expect(added.data).toEqual(expected(true))
  })

  it("what does not fit is named", async () => {
    await run({ data, at: whole([2, 4], 0, 0, 0, 0, 0, 0, 0, 0), one: whole([2, 1], 0, 1) }, (v) => {
      expect(() => op.gatherNd(v.data, v.at)).toThrow("GatherND")
      expect(() => op.scatterNd(v.data, v.one, v.data)).toThrow("ScatterND: cannot be broadcast: [2, 4, 2] and [3, 4, 2]")
      expect(() => op.scatterNd(v.data, v.one, v.one)).toThrow("ScatterND: updates do not fit")
      return v.data
    })
  })
})
