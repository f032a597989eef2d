import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { computed, expectClose, noise, reader, run, whole } from "../run-graph.ts"

type Shaped = ReturnType<typeof noise>

/** Channel `k` of a head of `width`, whose first `turning` channels turn: read(channel) is the head's row, cos and sin the row's angles. */
const turned = (
  k: number,
  turning: number,
  interleaved: boolean,
  read: (channel: number) => number,
  cos: (pair: number) => number,
  sin: (pair: number) => number
): number => {
  if (k >= turning) return read(k)
  const pair = interleaved ? Math.floor(k / 2) : k % (turning / 2)
  const first = interleaved ? 2 * pair : pair
  const second = interleaved ? first + 1 : pair + turning / 2
  return k === first ? read(first) * cos(pair) - read(second) * sin(pair) : read(second) * cos(pair) + read(first) * sin(pair)
}

describe("rotaryEmbedding", () => {
  const [rows, heads, headWidth] = [5, 3, 8]
  const angles = (batch: number, half: number) => {
    const angle = noise([batch, rows, half], 9, -3, 3)
    const [cos, sin] = [noise([batch, rows, half], 1), noise([batch, rows, half], 1)]
    angle.data.forEach((value, i) => {
      ;[cos.data[i], sin.data[i]] = [Math.cos(value), Math.sin(value)]
    })
    return { cos, sin }
  }
  for (const [name, turning, interleaved] of [
    ["halves", 8, false],
    ["neighbours", 8, true],
    ["a part of each head", 4, false],
    ["a part, neighbours", 6, true]
  ] as const) {
    it(`${name}, heads side by side in a row, two in a batch`, async () => {
      const x = noise([2, rows, heads * headWidth], 2)
      const { cos, sin } = angles(2, turning / 2)
      const [{ data }] = await run(
        { x, cos, sin },
        (v) => op.rotaryEmbedding(v.x, v.cos, v.sin, { heads, interleaved, ...(turning === headWidth ? {} : { rotaryWidth: turning }) }),
        { x: [2, "rows", 24], cos: [2, "rows", turning / 2], sin: [2, "rows", turning / 2] }
      )
      expectClose(
        data,
        computed(x.shape, ([b, row, column]) =>
          turned(
            column % headWidth,
            turning,
            interleaved,
            (k) => reader(x)([b, row, Math.floor(column / headWidth) * headWidth + k]),
            (pair) => reader(cos)([b, row, pair]),
            (pair) => reader(sin)([b, row, pair])
          )
        )
      )
    })
  }

  it("heads on an axis of their own", async () => {
    const x = noise([1, heads, rows, headWidth], 2)
    const { cos, sin } = angles(1, 4)
    const [{ data }] = await run({ x, cos, sin }, (v) => op.rotaryEmbedding(v.x, v.cos, v.sin), { x: [1, heads, "rows", headWidth] })
    expectClose(
      data,
      computed(x.shape, ([, head, row, k]) =>
        turned(
          k,
          8,
          false,
          (channel) => reader(x)([0, head, row, channel]),
          (pair) => reader(cos)([0, row, pair]),
          (pair) => reader(sin)([0, row, pair])
        )
      )
    )
  })

  it("what does not fit is named", async () => {
    const { cos, sin } = angles(1, 4)
    await run({ x: noise([1, rows, 24], 1), flat: noise([rows, 24], 2), cos, sin, short: noise([1, 4, 4], 3) }, (v) => {
      expect(() => op.rotaryEmbedding(v.x, v.cos, v.sin)).toThrow("RotaryEmbedding: heads are not told")
      expect(() => op.rotaryEmbedding(v.x, v.cos, v.sin, { heads: 5 })).toThrow("the width is no multiple of 5 heads")
      expect(() => op.rotaryEmbedding(v.x, v.cos, v.sin, { heads: 4 })).toThrow("cos and sin are [batch, rows, 3]")
      expect(() => op.rotaryEmbedding(v.x, v.short, v.sin, { heads: 3 })).toThrow("cos and sin are [batch, rows, 4]: [1, 5, 24] and [1, 4, 4] and [1, 5, 4]")
      expect(() => op.rotaryEmbedding(v.flat, v.cos, v.sin, { heads: 3 })).toThrow("x is [batch, rows, width]")
      expect(() => op.rotaryEmbedding(v.x, v.cos, v.sin, { heads: 3, rotaryWidth: 10 })).toThrow("10 channels of a head of 8 turn")
      return v.x
    })
  })
})

describe("tensorScatter", () => {
  it("writes rows from a cell on", async () => {
    const [past, update] = [noise([1, 2, 6, 3], 1), noise([1, 2, 2, 3], 2)]
    for (const at of [0, 3, 4]) {
      const [{ data }] = await run({ past, update, at: whole([1], at) }, (v) => op.tensorScatter(v.past, v.update, v.at, { axis: 2 }), {
        past: [1, 2, "cells", 3],
        update: [1, 2, "rows", 3]
      })
      expect(data).toEqual(
        computed(past.shape, ([b, h, cell, k]) => (cell >= at && cell < at + 2 ? reader(update)([b, h, cell - at, k]) : reader(past)([b, h, cell, k])))
      )
    }
  })

  it("what does not fit is named", async () => {
    await run({ past: noise([1, 2, 6, 3], 1), update: noise([1, 2, 2, 4], 2), at: whole([2], 0, 0) }, (v) => {
      expect(() => op.tensorScatter(v.past, v.update, v.at, { axis: 2 })).toThrow(
        "TensorScatter: the update does not fit beside axis 2: [1, 2, 6, 3] and [1, 2, 2, 4]"
      )
      expect(() => op.tensorScatter(v.past, v.past, v.at, { axis: 2 })).toThrow("TensorScatter: one place for each of the batch (int64): [1, 2, 6, 3] and [2]")
      return v.past
    })
  })
})

describe("multiHeadAttention", () => {
  const heads = 2
  const plain = (q: Shaped, k: Shaped, v: Shaped, bias: Shaped | undefined, scale: number) => {
    const [, , width] = q.shape
    const [headWidth, valueWidth] = [width / heads, v.shape[2] / heads]
    return computed([q.shape[0], q.shape[1], v.shape[2]], ([b, row, column]) => {
      const head = Math.floor(column / valueWidth)
      const scores = Array.from({ length: k.shape[1] }, (_, cell) => {
        let total = 0
        for (let i = 0; i < headWidth; i++) total += reader(q)([b, row, head * headWidth + i]) * reader(k)([b, cell, head * headWidth + i])
        return total * scale + (bias === undefined ? 0 : reader(bias)([b, head, row, cell]))
      })
      const most = Math.max(...scores)
      const shares = scores.map((score) => Math.exp(score - most))
      const all = shares.reduce((a, c) => a + c)
      return shares.reduce((total, share, cell) => total + (share / all) * reader(v)([b, cell, column]), 0)
    })
  }
  const [q, k, v] = [noise([3, 5, 8], 1), noise([3, 7, 8], 2), noise([3, 7, 8], 3)]

  it("everyone sees everyone", async () => {
    const [plainly, scaled] = await run(
      { q, k, v },
      (values) => [op.multiHeadAttention(values.q, values.k, values.v, { heads }), op.multiHeadAttention(values.q, values.k, values.v, { heads, scale: 0.1 })],
      { q: ["windows", "rows", 8], k: ["windows", "memory", 8], v: ["windows", "memory", 8] }
    )
    expectClose(plainly.data, plain(q, k, v, undefined, 0.5))
    expectClose(scaled.data, plain(q, k, v, undefined, 0.1))
  })

  it("with a bias for each window, for each head, and for all", async () => {
    for (const shape of [
      [3, 1, 5, 7],
      [3, 2, 5, 7],
      [1, 1, 5, 7],
      [1, 2, 5, 7]
    ]) {
      const bias = noise(shape, 4)
      bias.data.forEach((_, i) => {
        if (i % 3 === 0) bias.data[i] = -1e30
      })
      const [{ data }] = await run({ q, k, v, bias }, (values) => op.multiHeadAttention(values.q, values.k, values.v, { heads, bias: values.bias }))
      expectClose(data, plain(q, k, v, bias, 0.5))
    }
  })

  it("values may be wider than keys", async () => {
    const wide = noise([3, 7, 12], 5)
    const [{ data, dims }] = await run({ q, k, wide }, (values) => op.multiHeadAttention(values.q, values.k, values.wide, { heads }))
    expect(dims).toEqual([3, 5, 12])
    expectClose(data, plain(q, k, wide, undefined, 0.5))
  })

  it("what does not fit is named", async () => {
    await run({ q, k, v, other: noise([3, 6, 8], 1), bias: noise([3, 1, 5, 6], 2) }, (values) => {
      expect(() => op.multiHeadAttention(values.q, values.k, values.other, { heads })).toThrow(
        "MultiHeadAttention: they do not fit each other: [3, 5, 8] and [3, 7, 8] and [3, 6, 8]"
      )
      expect(() => op.multiHeadAttention(values.q, values.k, values.v, { heads: 3 })).toThrow("no multiples of 3 heads")
      expect(() => op.multiHeadAttention(values.q, values.k, values.v, { heads, bias: values.bias })).toThrow("MultiHeadAttention: cannot be broadcast")
      return values.q
    })
  })
})
