import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { roundHalfEven, smartResize } from "../../../modalities/image/smart-resize.ts"

const rows = Schema.decodeUnknownSync(Schema.Array(Schema.Array(Schema.Int)))(JSON.parse(readFileSync(new URL("./smart-resize.json", import.meta.url), "utf8")))

it.effect("smartResize gives the published sizes", () =>
  Effect.gen(function* () {
    expect(rows.length).toBe(400)
    for (const [height, width, factor, minPixels, maxPixels, down, across] of rows) {
      const size = yield* smartResize({ width, height }, { factor, minPixels, maxPixels }, "a.png")
      expect(size, `${width} x ${height}`).toEqual({ width: across, height: down })
    }
  })
)

it.effect("smartResize refuses a ratio over 200, with the figures", () =>
  Effect.gen(function* () {
    const bounds = { factor: 28, minPixels: 3136, maxPixels: 18816 }
    const error = yield* Effect.flip(smartResize({ width: 2010, height: 10 }, bounds, "a.png"))
    expect(error).toMatchObject({ _tag: "LimitExceeded", source: "a.png", limit: "aspect ratio", needed: 201, allowed: 200 })
    expect((yield* smartResize({ width: 2000, height: 10 }, bounds, "a.png")).height % 28).toBe(0)
  })
)

it("roundHalfEven rounds as Python does", () => {
  expect([0, 0.5, 1.5, 2.5, 2.4999, 2.5001, 3].map(roundHalfEven)).toEqual([0, 0, 2, 2, 2, 3, 3])
})
