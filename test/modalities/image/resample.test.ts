import { it as law } from "@effect/vitest"
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { crop } from "../../../modalities/image/crop.ts"
import { resample } from "../../../modalities/image/resample.ts"
import { picture } from "./picture.ts"

const Sides = Schema.Tuple([Schema.Int, Schema.Int])
const Facts = Schema.Struct({
  cases: Schema.Array(
    Schema.Struct({
      seed: Schema.Int,
      from: Sides,
      to: Sides,
      filter: Schema.Literals(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]),
      pillow: Schema.String,
      torchvision: Schema.optional(Schema.String),
      apart: Schema.optional(Schema.Int)
    })
  )
})
const { cases } = Schema.decodeUnknownSync(Facts)(JSON.parse(readFileSync(new URL("./resample.json", import.meta.url), "utf8")))
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("resample", () => {
  it.each(cases.map((one) => [`${one.from} to ${one.to}, ${one.filter}`, one] as const))("%s equals Pillow and torchvision bit for bit", (_, one) => {
    const image = picture(...one.from, one.seed)
    const size = { width: one.to[0], height: one.to[1] }
    const pillow = resample(image, size, { filter: one.filter, rounding: "pillow" })
    expect(pillow).toMatchObject(size)
    expect(sha(pillow.data)).toBe(one.pillow)
    if (one.torchvision === undefined) return
    const torchvision = resample(image, size, { filter: one.filter, rounding: "torchvision" })
    expect(sha(torchvision.data)).toBe(one.torchvision)
    expect(Math.max(...pillow.data.map((v, i) => Math.abs(v - torchvision.data[i])))).toBe(one.apart)
  })

  it("gives a picture back that has the size already", () => {
    const image = picture(5, 4, 2)
    expect(resample(image, { width: 5, height: 4 }, { filter: "bicubic", rounding: "pillow" })).toBe(image)
  })
})

const Side = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 70 }))
const Filter = Schema.Literals(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])

law.prop(
  "a picture of one colour keeps it at any size, and the two roundings stay within a level on one axis",
  [Side, Side, Side, Side, Filter],
  ([width, height, across, down, filter]) => {
    const flat = { width, height, data: new Uint8Array(width * height * 3).map((_, i) => [7, 130, 255][i % 3]) }
    for (const rounding of ["pillow", "torchvision"] as const) {
      const { data } = resample(flat, { width: across, height: down }, { filter, rounding })
      expect(data.length).toBe(across * down * 3)
      expect(data.every((level, i) => level === [7, 130, 255][i % 3])).toBe(true)
    }
    const image = picture(width, height, 1 + 2 * width)
    const narrow = (rounding: "pillow" | "torchvision") => resample(image, { width: across, height }, { filter, rounding }).data
    const other = narrow("torchvision")
    expect(narrow("pillow").every((level, i) => Math.abs(level - other[i]) <= 1)).toBe(true)
  },
  { arbitrary: { runs: 300 } }
)

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

law.prop(
  "a part of a resized picture is the same as that part cut out of the whole",
  [Side, Side, Side, Side, Filter, Share, Share],
  ([width, height, across, down, filter, at, long]) => {
    const image = picture(width, height, 1 + 2 * width)
    const size = { width: across, height: down }
    const [left, top] = [Math.floor(at * (across - 1)), Math.floor(long * (down - 1))]
    const box = { left, top, width: 1 + Math.floor(long * (across - left - 1)), height: 1 + Math.floor(at * (down - top - 1)) }
    for (const rounding of ["pillow", "torchvision"] as const) {
      expect(resample(image, size, { filter, rounding }, box)).toEqual(crop(resample(image, size, { filter, rounding }), box))
    }
  },
  { arbitrary: { runs: 300 } }
)
