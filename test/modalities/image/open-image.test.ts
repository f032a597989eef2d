import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { deflateSync } from "node:zlib"
import { Workers } from "../../../src/worker/workers.ts"
import { isImageMedia } from "../../../modalities/image/image-media.ts"
import { openBytes } from "./open-bytes.ts"

const here = (path: string): Buffer => readFileSync(new URL(path, import.meta.url))
const Facts = Schema.Struct({
  pictures: Schema.Record(
    Schema.String,
    Schema.Struct({ mode: Schema.String, size: Schema.Tuple([Schema.Int, Schema.Int]), rgb: Schema.String, dropped: Schema.String, white: Schema.String })
  )
})
const { pictures } = Schema.decodeUnknownSync(Facts)(JSON.parse(here("./pictures.json").toString()))
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** The start of a PNG: signature and header, of any size. */
const pngHeader = (width: number, height: number): Uint8Array => {
  const bytes = Buffer.from(here("./pictures/rgb.png"))
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(height, 20)
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29)
  return bytes
}
const crc32 = (bytes: Uint8Array): number => {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

layer(Workers.layer({ size: 1 }), { excludeTestServices: true })("openImage", (it) => {
  for (const [file, facts] of Object.entries(pictures)) {
    it.effect(`${file} (${facts.mode}) has Pillow's own pixels`, () =>
      Effect.gen(function* () {
        const image = yield* openBytes(here(`./pictures/${file}`))
        expect(isImageMedia(image)).toBe(true)
        expect([image.width, image.height]).toEqual(facts.size)
        const qwen = yield* image.readAs({ alpha: "white-rgba" }).pixels
        expect([qwen.width, qwen.height]).toEqual(facts.size)
        expect(sha(qwen.data)).toBe(facts.rgb)
        const dropped = image.readAs({ alpha: "dropped", exif: false })
        const pixels = yield* dropped.pixels
        expect([pixels.width, pixels.height]).toEqual([dropped.width, dropped.height])
        expect(sha(pixels.data)).toBe(facts.dropped)
        expect(sha((yield* image.pixels).data)).toBe(facts.white)
      })
    )
  }

  it.effect("options that a person gave win over a family's", () =>
    Effect.gen(function* () {
      const file = here("./pictures/exif6.png")
      const ignored = yield* openBytes(file, { exif: false })
      expect([ignored.width, ignored.height]).toEqual([37, 23])
      expect(ignored.readAs({ exif: true }).width).toBe(37)
      expect((yield* openBytes(file, { exif: "ignored" })).contentId).toBe(ignored.contentId)
      expect((yield* openBytes(file)).contentId).not.toBe(ignored.contentId)
      const error = yield* Effect.flip(openBytes(file, { alpha: "black" }))
      expect(error).toMatchObject({ _tag: "OptionInvalid", option: "alpha" })
    })
  )

  it.effect("a picture of 50,000 x 50,000 is refused from its header", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(openBytes(pngHeader(50_000, 50_000)))
      expect(error).toMatchObject({ _tag: "LimitExceeded", limit: "pixels", needed: 2_500_000_000 })
    })
  )

  it.effect("empty, text, sound and vector pictures are typed errors", () =>
    Effect.gen(function* () {
      const tags = yield* Effect.forEach(
        [
          new Uint8Array(0),
          Buffer.from("This is no picture.\n"),
          Buffer.from("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0", "latin1"),
          Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'),
          Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image href="file:///etc/hostname" width="8" height="8"/></svg>')
        ],
        (bytes) => Effect.map(Effect.flip(openBytes(bytes)), (error) => error._tag)
      )
      expect(tags).toEqual(["SourceUnreadable", "UnsupportedMedia", "UnsupportedMedia", "UnsupportedMedia", "UnsupportedMedia"])
    })
  )

  for (const file of ["rgb.jpg", "progressive.jpg", "rgb.png", "rgb.webp", "palette.gif", "rgb.tiff", "lzw.tiff"]) {
    it.effect(`${file} cut off anywhere is a typed error`, () =>
      Effect.gen(function* () {
        const whole = here(`./pictures/${file}`)
        for (const part of [0.2, 0.5, 0.8, 0.95]) {
          const error = yield* Effect.flip(Effect.flatMap(openBytes(whole.subarray(0, Math.floor(whole.length * part))), (image) => image.pixels))
          expect(error._tag).toBe("SourceUnreadable")
          expect(error.message).toMatch(/cannot be read/)
        }
      })
    )
  }

  it.effect("a header of nonsense after the signature is a typed error", () =>
    Effect.gen(function* () {
      const bytes = Buffer.concat([here("./pictures/rgb.png").subarray(0, 8), deflateSync(Buffer.alloc(300, 7))])
      expect((yield* Effect.flip(openBytes(bytes)))._tag).toMatch(/SourceUnreadable|UnsupportedMedia/)
    })
  )
})
