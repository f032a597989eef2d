import { describe, expect, it } from "@effect/vitest"
import * as op from "../../../src/onnx/ops.ts"
import { float32 } from "../../../src/tensor/tensor.ts"
import { expectClose, noise, run, whole } from "../run-graph.ts"

const flag = (value: number) => float32([1], Float32Array.of(value))

describe("choose", () => {
  const x = noise([3, 2], 1)

  it.each([
    [1, (value: number) => value * 2 + 1],
    [0, (value: number) => value]
  ])("takes one of two values as the run says: %i", async (on, wanted) => {
    const [{ data }] = await run(
      { x, on: flag(on) },
      (v) =>
        op.choose(
          op.greater(v.on, 0.5),
          () => op.add(op.mul(v.x, 2), 1),
          () => v.x
        ),
      { x: ["rows", 2] }
    )
    expectClose(data, Array.from(x.data, wanted))
  })

  it("may stand within another, before and after nodes that both use", async () => {
    for (const [a, b, factor] of [
      [0, 0, 1],
      [1, 0, 2],
      [0, 1, 3],
      [1, 1, 2]
    ]) {
      const [{ data }] = await run({ x, a: flag(a), b: flag(b) }, (v) => {
        const shared = op.add(v.x, 1)
        const [isA, isB] = [op.greater(v.a, 0.5), op.greater(v.b, 0.5)]
        const inner = () =>
          op.choose(
            isB,
            () => op.mul(shared, 3),
            () => shared
          )
        return op.sub(
          op.choose(isA, () => op.mul(shared, 2), inner),
          shared
        )
      })
      expectClose(
        data,
        Array.from(x.data, (value) => (value + 1) * factor - (value + 1))
      )
    }
  })

  it("does not compute what is not chosen: an index out of range there is never looked at", async () => {
    const asked = (on: number) =>
      run({ x, on: flag(on), at: whole([1], 99) }, (v) =>
        op.choose(
          op.greater(v.on, 0.5),
          () => op.gather(v.x, v.at, 0),
          () => op.slice(v.x, { axis: 0, from: 0, to: 1 })
        )
      )
    expect((await asked(0))[0].data).toEqual(Array.from(x.data.subarray(0, 2)))
    await expect(asked(1)).rejects.toThrow("99")
  })

  it("takes a truth value, and branches of one type and shape", async () => {
    await run({ x, on: flag(1) }, (v) => {
      expect(() =>
        op.choose(
          v.on,
          () => v.x,
          () => v.x
        )
      ).toThrow("the condition is float32")
      expect(() =>
        op.choose(
          op.greater(v.on, 0),
          () => v.x,
          () => op.reshape(v.x, [6])
        )
      ).toThrow("float32 [3, 2] or float32 [6]")
      return v.x
    })
  })
})
