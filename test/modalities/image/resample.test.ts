import { Schema } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { resample } from "../../../modalities/image/resample.ts"
import { picture } from "./picture.ts"

const Sides = Schema.Tuple([Schema.Int, Schema.Int])
const Facts = Schema.Struct({
  cases: Schema.Array(Schema.Struct({
    seed: Schema.Int, from: Sides, to: Sides, filter: Schema.Literals(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]),
    pillow: Schema.String, torchvision: Schema.optional(Schema.String), apart: Schema.optional(Schema.Int)
  }))
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
