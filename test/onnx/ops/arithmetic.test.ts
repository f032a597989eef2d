import { describe, expect, it } from "@effect/vitest"
import type { Value } from "../../../src/onnx/graph-builder.ts"
import * as op from "../../../src/onnx/ops.ts"
import { int32, type Tensor } from "../../../src/tensor/tensor.ts"
import { computed, expectClose, noise, reader, run, whole } from "../run-graph.ts"

const bool = (...values: ReadonlyArray<number>): Tensor => ({ dtype: "bool", shape: [values.length], data: Uint8Array.from(values) })

/** Error function by its Taylor series in float64, for |x| < 4. */
const erf = (x: number): number => {
  let [term, total] = [x, x]
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n
    total += term / (2 * n + 1)
  }
  return (total * 2) / Math.sqrt(Math.PI)
}

describe("two values, broadcast", () => {
  const a = noise([2, 3, 4], 1)
  const cases: Readonly<Record<string, readonly [(a: Value, b: Value) => Value, (a: number, b: number) => number]>> = {
    add: [op.add, (x, y) => x + y],
    sub: [op.sub, (x, y) => x - y],
    mul: [op.mul, (x, y) => x * y],
    div: [op.div, (x, y) => x / y],
    min: [op.min, Math.min],
    max: [op.max, Math.max],
    less: [op.less, (x, y) => (x < y ? 1 : 0)],
    greater: [op.greater, (x, y) => (x > y ? 1 : 0)]
  }
  for (const [name, [build, plain]] of Object.entries(cases)) {
    it(name, async () => {
      for (const shape of [[2, 3, 4], [4], [3, 1], [2, 1, 1], []]) {
        const b = noise(shape, 7)
        const [there, back] = await run({ a, b }, (v) => [build(v.a, v.b), build(v.b, v.a)], { a: ["layers", 3, "width"] })
        expectClose(
          there.data,
          computed(a.shape, (i) => plain(reader(a)(i), reader(b)(i)))
        )
        expectClose(
          back.data,
          computed(a.shape, (i) => plain(reader(b)(i), reader(a)(i)))
        )
      }
    })
  }

  it("pow, of numbers above 0", async () => {
    const x = noise([3, 2], 3, 0.1, 3)
    const [by, square] = await run({ x, y: noise([2], 4) }, ({ x: base, y }) => [op.pow(base, y), op.pow(base, 2)])
    const y = noise([2], 4)
    expectClose(
      by.data,
      computed(x.shape, (i) => reader(x)(i) ** reader(y)(i))
    )
    expectClose(
      square.data,
      computed(x.shape, (i) => reader(x)(i) ** 2)
    )
  })

  it("a plain number stands for a constant of the other's type", async () => {
    const [floats, longs, ints, equal] = await run({ x: noise([3], 5), n: whole([4], 7, -7, 8, 0), m: int32([2], Int32Array.of(5, 6)) }, ({ m, n, x }) => [
      op.mul(x, 0.5),
      op.div(n, 2),
      op.add(m, 3),
      op.equal(n, 8)
    ])
    expectClose(
      floats.data,
      Array.from(noise([3], 5).data, (value) => value / 2)
    )
    expect([longs.data, ints.data, equal.data]).toEqual([
      [3, -3, 4, 0],
      [8, 9],
      [0, 0, 1, 0]
    ])
  })

  it("bools: and, or, not, where", async () => {
    const [both, one, opposite, chosen] = await run(
      { a: bool(0, 0, 1, 1), b: bool(0, 1, 0, 1), x: noise([2, 4], 1), y: noise([1], 2) },
      ({ a: left, b, x, y }) => [op.and(left, b), op.or(left, b), op.not(left), op.where(left, x, y)]
    )
    expect([both.data, one.data, opposite.data]).toEqual([
      [0, 0, 0, 1],
      [0, 1, 1, 1],
      [1, 1, 0, 0]
    ])
    expectClose(
      chosen.data,
      computed([2, 4], (i) => (i[1] > 1 ? reader(noise([2, 4], 1))(i) : noise([1], 2).data[0]))
    )
  })
})

describe("one value", () => {
  const logistic = (x: number) => 1 / (1 + Math.exp(-x))
  const cases: Readonly<Record<string, readonly [(x: Value) => Value, (x: number) => number, number?, number?]>> = {
    neg: [op.neg, (x) => -x],
    abs: [op.abs, Math.abs],
    exp: [op.exp, Math.exp],
    log: [op.log, Math.log, 0.01, 9],
    sqrt: [op.sqrt, Math.sqrt, 0, 9],
    sin: [op.sin, Math.sin, -10, 10],
    cos: [op.cos, Math.cos, -10, 10],
    floor: [op.floor, Math.floor, -10, 10],
    sigmoid: [op.sigmoid, logistic, -8, 8],
    tanh: [op.tanh, Math.tanh, -4, 4],
    relu: [op.relu, (x) => Math.max(x, 0)],
    erf: [op.erf, erf, -3, 3],
    softplus: [op.softplus, (x) => Math.log1p(Math.exp(x)), -8, 8],
    hardSwish: [op.hardSwish, (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)), -5, 5],
    "gelu, by the error function": [(x) => op.gelu(x, "none"), (x) => (x / 2) * (1 + erf(x / Math.SQRT2)), -4, 4],
    "gelu, by tanh": [(x) => op.gelu(x, "tanh"), (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))), -4, 4],
    silu: [op.silu, (x) => x * logistic(x), -8, 8],
    quickGelu: [op.quickGelu, (x) => x * logistic(1.702 * x), -6, 6],
    clip: [(x) => op.clip(x, -0.5, 1), (x) => Math.min(1, Math.max(-0.5, x))],
    identity: [op.identity, (x) => x]
  }
  for (const [name, [build, plain, low, high]] of Object.entries(cases)) {
    it(name, async () => {
      const x = noise([5, 13], 11, low, high)
      const [{ data }] = await run({ x }, (v) => build(v.x), { x: ["rows", 13] })
      expectClose(data, Array.from(x.data, plain))
    })
  }

  it("cast: cut towards zero, and back; the same type is the value itself", async () => {
    const x = noise([9], 1, -5, 5)
    const [long, int, back, flag] = await run({ x }, (v) => {
      expect(op.cast(v.x, "float32")).toBe(v.x)
      return [op.cast(v.x, "int64"), op.cast(v.x, "int32"), op.cast(op.cast(v.x, "int64"), "float32"), op.cast(op.clip(v.x, 0, 1), "bool")]
    })
    const cut = Array.from(x.data, (value) => Math.trunc(value) + 0)
    expect([long.data, int.data, back.data.map((value) => value + 0)]).toEqual([cut, cut, cut])
    expect(flag.data).toEqual(Array.from(x.data, (value) => (value > 0 ? 1 : 0)))
  })
})

describe("mistakes", () => {
  it("shapes that cannot be broadcast, and types that do not mix, are named", async () => {
    await run({ a: noise([2, 3], 1), b: noise([2], 2), n: whole([3], 1, 2, 3) }, ({ a, b, n }) => {
      expect(() => op.add(a, b)).toThrow("Add: cannot be broadcast: [2, 3] and [2]")
      expect(() => op.mul(a, n)).toThrow("Mul: float32 and int64 do not mix")
      expect(() => op.where(a, a, a)).toThrow("Where: float32, float32 and float32 do not mix")
      return a
    })
  })
})
