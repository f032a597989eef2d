import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { GifFrames } from "../../src/source/gif-frames.ts"
import { sniff } from "../../src/source/sniff.ts"
import { hasReference } from "../../src/source/sniff-text.ts"

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
const padded = (text: string, size = 64): Uint8Array => {
  const all = new Uint8Array(size)
  all.set(bytes(text))
  return all
}
const box = (brand: string, ...compatible: ReadonlyArray<string>): Uint8Array =>
  bytes(`\0\0\0${String.fromCharCode(16 + compatible.length * 4)}ftyp${brand}\0\0\0\0${compatible.join("")}`)

describe("sniff", () => {
  const cases: ReadonlyArray<readonly [name: string, head: Uint8Array, tag: string, detail: string]> = [
    ["png", padded("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "Image", "png"],
    ["jpeg", padded("\xff\xd8\xff\xe0"), "Image", "jpeg"],
    ["gif", padded("GIF89a"), "Image", "gif"],
    ["webp", padded("RIFF\x10\0\0\0WEBPVP8 "), "Image", "webp"],
    ["tiff", padded("II*\0"), "Image", "tiff"],
    ["big tiff", padded("MM\0+"), "Image", "tiff"],
    ["avif", box("avif", "mif1"), "Image", "avif"],
    ["avif called mif1", box("mif1", "avif"), "Image", "avif"],
    ["heic", box("heic", "mif1"), "Image", "heif"],
    ["bmp", padded("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), "Image", "bmp"],
    ["svg", bytes('<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'), "Image", "svg"],
    ["svg with a doctype", bytes('<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n<svg/>'), "Image", "svg"],
    ["mp4", box("isom", "mp41"), "Container", "mov"],
    ["m4a", box("M4A ", "isom"), "Container", "mov"],
    ["old quicktime", bytes("\0\0\0\x08wide\0\0\0\0mdat"), "Container", "mov"],
    ["webm", padded("\x1aE\xdf\xa3"), "Container", "matroska"],
    ["avi", padded("RIFF\0\0\0\0AVI LIST"), "Container", "avi"],
    ["wav", padded("RIFF\0\0\0\0WAVEfmt "), "Container", "wav"],
    ["rf64", padded("RF64\xff\xff\xff\xffWAVE"), "Container", "wav"],
    ["flac", padded("fLaC"), "Container", "flac"],
    ["ogg", padded("OggS"), "Container", "ogg"],
    ["aiff", padded("FORM\0\0\0\0AIFF"), "Container", "aiff"],
    ["mp3 after a tag larger than the head", padded("ID3\x04\0\0\0\x7f\x7f\x7f"), "Container", "mp3"],
    ["m3u8", bytes("#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n"), "Linking", "m3u8"],
    ["m3u8 after a byte order mark", bytes("\xef\xbb\xbf\n #EXTM3U\n"), "Linking", "m3u8"],
    ["ffconcat", bytes("ffconcat version 1.0\nfile /etc/passwd\n"), "Linking", "ffconcat"],
    ["concat", bytes("file '/etc/passwd'\n"), "Linking", "ffconcat"],
    ["sdp", bytes("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"), "Linking", "sdp"],
    ["dash", bytes('<?xml version="1.0"?>\n<!-- x -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'), "Linking", "dash"],
    ["pls", bytes("[playlist]\nFile1=http://a/\n"), "Linking", "pls"],
    ["xspf", bytes('<playlist version="1">'), "Linking", "xspf"],
    ["svg with a picture elsewhere", bytes('<svg><image xlink:href="file:///etc/passwd"/></svg>'), "Linking", "svg"],
    ["plain text", bytes("Once upon a time\n"), "Unknown", "plain text"],
    ["json", bytes('{"a": 1}\n'), "Unknown", "JSON text"],
    ["html", bytes("<!DOCTYPE html><html></html>"), "Unknown", "a web page"],
    ["zip", padded("PK\x03\x04"), "Unknown", "a ZIP archive"],
    ["noise", Uint8Array.from({ length: 300 }, (_, at) => ((at * 37 + 1) & 0x7f) | 0x80), "Unknown", "bytes of no known kind"]
  ]
  for (const [name, head, tag, detail] of cases) {
    it(name, () => {
      const kind = sniff(head)
      expect(kind._tag).toBe(tag)
      expect(kind._tag === "Unknown" ? kind.what : kind._tag === "Container" ? kind.demuxer : kind.format).toBe(detail)
    })
  }

  it("tells mp3 and aac by frames that follow one another", () => {
    const mp3 = new Uint8Array(3000)
    // MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes a frame.
    for (let at = 0; at + 4 < mp3.length; at += 417) mp3.set([0xff, 0xfb, 0x90, 0x00], at)
    const aac = new Uint8Array(1000)
    for (let at = 0; at + 7 < aac.length; at += 100) aac.set([0xff, 0xf1, 0x50, 0x80, 100 >> 3, ((100 & 7) << 5) | 0x1f, 0xfc], at)
    expect(sniff(mp3)).toMatchObject({ _tag: "Container", demuxer: "mp3" })
    expect(sniff(aac)).toMatchObject({ _tag: "Container", demuxer: "aac" })
  })

  it("tells a transport stream by its marks", () => {
    const stream = new Uint8Array(188 * 6)
    for (let at = 0; at < stream.length; at += 188) stream[at] = 0x47
    expect(sniff(stream)).toMatchObject({ _tag: "Container", demuxer: "mpegts" })
    stream[188 * 2] = 0
    expect(sniff(stream)).not.toMatchObject({ demuxer: "mpegts" })
  })

  it("says an animated PNG moves", () => {
    const head = bytes("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0crc4\0\0\0\x08acTL\0\0\0\x03\0\0\0\0crc4")
    expect(sniff(head)).toMatchObject({ _tag: "Image", format: "png", moving: true, demuxer: "apng" })
  })

  it.prop(
    "never throws, and is quick, whatever the bytes",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))],
    ([values]) => {
      for (const start of ["", "<", "\x1aE", "ID3\x03\0\0", "GIF89a", "\0\0\0\x20ftyp", "\xff\xfb", "RIFF", "\x89PNG\r\n\x1a\n"]) {
        const kind = sniff(Uint8Array.from([...bytes(start), ...values]))
        expect(kind.what).not.toBe("")
      }
      return true
    },
    { arbitrary: { runs: 1000 } }
  )

  it("does not go astray in prologues made to be slow", () => {
    for (const one of ["<!-- --> ", "<?xml ?> ", "<!DOCTYPE a [] > ", "<!--", "<a:"]) {
      expect(sniff(bytes(one.repeat(Math.floor(65_536 / one.length))))._tag).toBe("Unknown")
    }
  })
})

describe("hasReference", () => {
  const inside = [
    '<svg><use href="#a"/></svg>',
    "<svg><image href='data:image/png;base64,AA'/></svg>",
    '<svg><rect fill="url(#g)"/></svg>',
    "<svg><rect fill=\"url('#g')\"/></svg>",
    '<svg xmlns:xlink="http://www.w3.org/1999/xlink"/>',
    "<svg><text>see http://example.com</text></svg>"
  ]
  const outside = [
    '<svg><image href="/etc/passwd"/></svg>',
    "<svg><image xlink:href = 'http://127.0.0.1/'/></svg>",
    "<svg><style>@import 'a.css';</style></svg>",
    '<svg><rect fill="url(http://a/b.svg#g)"/></svg>',
    "<svg><rect style=\"fill:url( 'b.svg#g' )\"/></svg>",
    '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg/>',
    '<?xml-stylesheet href="a.css"?><svg/>',
    '<svg><xi:include href="#x"/></svg>',
    "<svg><script>1</script></svg>",
    '<svg xml:base="http://a/"/>'
  ]
  for (const one of inside) it(`inside: ${one}`, () => expect(hasReference(one)).toBe(false))
  for (const one of outside) it(`outside: ${one}`, () => expect(hasReference(one)).toBe(true))
})

describe("GifFrames", () => {
  const frame = "\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
  const gif = (frames: number): Uint8Array => bytes(`GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\0\0\0\0\0${frame.repeat(frames)}\x3b`)
  for (const frames of [0, 1, 2, 7]) {
    it(`counts ${frames}, however the bytes are cut`, () => {
      for (const size of [1, 2, 5, 1000]) {
        const walk = new GifFrames()
        const all = gif(frames)
        for (let at = 0; at < all.length; at += size) walk.push(all.subarray(at, at + size))
        expect(walk.frames).toBe(frames)
        expect(walk.ended).toBe(true)
      }
    })
  }
})
