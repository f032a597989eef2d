import { sniffMpegAudio } from "./sniff-mpeg-audio.ts"
import { sniffText } from "./sniff-text.ts"

/** What the first bytes of a source say it is. `what` is for messages, with its article: "a PNG picture". */
export type SourceKind =
  /** A picture. `moving`: a film rather. `demuxer`: the ffmpeg demuxer that reads it as one, where it may be. */
  | { readonly _tag: "Image"; readonly format: string; readonly what: string; readonly moving: boolean; readonly demuxer?: string }
  /** A container of pictures, sound or both. `demuxer`: the ffmpeg demuxer to force, so that ffmpeg never guesses. */
  | { readonly _tag: "Container"; readonly format: string; readonly what: string; readonly demuxer: string }
  /** A file that makes its reader open other files or addresses: never followed. */
  | { readonly _tag: "Linking"; readonly format: string; readonly what: string }
  /** Anything else. */
  | { readonly _tag: "Unknown"; readonly what: string }

const image = (format: string, what: string, moving = false, demuxer?: string): SourceKind =>
  demuxer === undefined ? { _tag: "Image", format, what, moving } : { _tag: "Image", format, what, moving, demuxer }
const container = (format: string, what: string, demuxer: string = format): SourceKind => ({ _tag: "Container", format, what, demuxer })
const unknown = (what: string): SourceKind => ({ _tag: "Unknown", what })

/** Bytes as one character each, for comparing with signatures. */
const latin1 = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

type Signature = readonly [offset: number, signature: string, kind: SourceKind]

/** Signatures at a fixed place; the first that fits wins. */
const signatures: ReadonlyArray<Signature> = [
  [0, "\xff\xd8\xff", image("jpeg", "a JPEG picture")],
  [0, "II*\0", image("tiff", "a TIFF picture")],
  [0, "MM\0*", image("tiff", "a TIFF picture")],
  [0, "II+\0", image("tiff", "a TIFF picture")],
  [0, "MM\0+", image("tiff", "a TIFF picture")],
  [0, "\0\0\0\x0cJXL \r\n\x87\n", image("jxl", "a JPEG XL picture")],
  [0, "\xff\x0a", image("jxl", "a JPEG XL picture")],
  [0, "\0\0\0\x0cjP  \r\n\x87\n", image("jp2", "a JPEG 2000 picture")],
  [0, "\xff\x4f\xff\x51", image("jp2", "a JPEG 2000 picture")],
  [0, "\0\0\x01\0", image("ico", "an icon")],
  [0, "8BPS", image("psd", "a Photoshop document")],
  [0, "v/1\x01", image("exr", "an OpenEXR picture")],
  [0, "#?RADIANCE", image("hdr", "a Radiance picture")],
  [0, "SIMPLE  =", image("fits", "a FITS picture")],
  [0, "\x1aE\xdf\xa3", container("matroska", "a Matroska or WebM file")],
  [8, "AVI ", container("avi", "an AVI file")],
  [0, "RF64", container("wav", "a WAV file")],
  [0, "BW64", container("wav", "a WAV file")],
  [0, "riff.\x91\xcf\x11\xa5\xd6\x28\xdb", container("w64", "a Wave64 file")],
  [0, "fLaC", container("flac", "a FLAC file")],
  [0, "OggS", container("ogg", "an Ogg file")],
  [0, "0&\xb2u\x8ef\xcf\x11", container("asf", "a Windows Media file")],
  [0, "FLV\x01", container("flv", "an FLV file")],
  [0, ".snd", container("au", "an AU file")],
  [0, "#!AMR", container("amr", "an AMR file")],
  [0, "caff", container("caf", "a CAF file")],
  [0, "DKIF", container("ivf", "an IVF file")],
  [0, "YUV4MPEG2", container("yuv4mpegpipe", "a YUV4MPEG file")],
  [0, "\x06\x0e\x2b\x34\x02\x05\x01\x01", container("mxf", "an MXF file")],
  [0, ".RMF", container("rm", "a RealMedia file")],
  [0, "MAC ", container("ape", "a Monkey's Audio file")],
  [0, "wvpk", container("wv", "a WavPack file")],
  [0, "TTA1", container("tta", "a True Audio file")],
  [0, "MPCK", container("mpc8", "a Musepack file")],
  [0, "MP+", container("mpc", "a Musepack file")],
  [0, "DSD ", container("dsf", "a DSF file")],
  [0, "Creative Voice File", container("voc", "a VOC file")],
  [0, "nut/multimedia container\0", container("nut", "a NUT file")],
  [0, "\x0b\x77", container("ac3", "an AC-3 file")],
  [0, "\x7f\xfe\x80\x01", container("dts", "a DTS file")],
  [0, "\0\0\x01\xba", container("mpeg", "an MPEG program stream")],
  [0, "\0\0\x01\xb3", container("mpegvideo", "an MPEG video stream")],
  [0, "%PDF-", unknown("a PDF document")],
  [0, "PK\x03\x04", unknown("a ZIP archive")],
  [0, "\x1f\x8b", unknown("a gzip file")],
  [0, "7z\xbc\xaf\x27\x1c", unknown("a 7-Zip archive")],
  [0, "\x7fELF", unknown("a program")],
  [0, "MZ", unknown("a program")]
]

/** Brands of ISO base media files that are pictures. */
const pictureBrands: Readonly<Record<string, readonly [format: string, what: string]>> = {
  avif: ["avif", "an AVIF picture"],
  avis: ["avif", "an AVIF picture"],
  heic: ["heif", "a HEIC picture"],
  heix: ["heif", "a HEIC picture"],
  heim: ["heif", "a HEIC picture"],
  heis: ["heif", "a HEIC picture"],
  hevc: ["heif", "a HEIC picture"],
  hevx: ["heif", "a HEIC picture"],
  mif1: ["heif", "a HEIF picture"],
  msf1: ["heif", "a HEIF picture"]
}
/** The first of those, where the pictures are a sequence. */
const sequenceBrands = new Set(["avis", "hevc", "hevx", "msf1"])

const boxNames = new Set(["ftyp", "moov", "mdat", "free", "skip", "wide", "pnot", "moof", "styp"])

const sniffIsoMedia = (head: Uint8Array): SourceKind | undefined => {
  const box = latin1(head, 4, 8)
  if (!boxNames.has(box)) return undefined
  if (box !== "ftyp") return container("mov", "an MP4 or QuickTime file")
  const brands: Array<string> = [latin1(head, 8, 12)]
  const end = Math.min(head.length, new DataView(head.buffer, head.byteOffset, head.length).getUint32(0))
  for (let at = 16; at + 4 <= end; at += 4) brands.push(latin1(head, at, at + 4))
  if (brands[0] === "crx ") return image("raw", "a raw camera picture")
  // "mif1" says only that it is a picture: a brand that names the coding comes first.
  const named =
    pictureBrands[brands[0]] === undefined ? undefined : (brands.find((brand) => pictureBrands[brand] !== undefined && !brand.endsWith("f1")) ?? brands[0])
  if (named !== undefined) {
    const [format, what] = pictureBrands[named]
    return sequenceBrands.has(brands[0]) ? image(format, `${what} that moves`, true, "mov") : image(format, what)
  }
  if (brands[0].startsWith("M4A") || brands[0].startsWith("M4B")) return container("mov", "an M4A file")
  return container("mov", brands[0] === "qt  " ? "a QuickTime file" : "an MP4 file")
}

const sniffRiff = (head: Uint8Array): SourceKind | undefined => {
  if (latin1(head, 0, 4) !== "RIFF") return undefined
  const form = latin1(head, 8, 12)
  if (form === "WAVE") return container("wav", "a WAV file")
  // A moving WebP is read as its first frame: ffmpeg reads no other.
  if (form === "WEBP") return image("webp", "a WebP picture")
  return undefined
}

const sniffPng = (head: Uint8Array): SourceKind | undefined => {
  if (latin1(head, 0, 8) !== "\x89PNG\r\n\x1a\n") return undefined
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  for (let at = 8; at + 12 <= head.length; at += 12 + view.getUint32(at)) {
    const chunk = latin1(head, at + 4, at + 8)
    // The animation chunk stands before the first picture data, and counts the frames.
    if (chunk === "acTL" && view.getUint32(at + 8) > 1) return image("png", "an animated PNG picture", true, "apng")
    if (chunk === "IDAT") break
  }
  return image("png", "a PNG picture")
}

const sniffForm = (head: Uint8Array): SourceKind | undefined => {
  if (latin1(head, 0, 4) !== "FORM") return undefined
  const form = latin1(head, 8, 12)
  return form === "AIFF" || form === "AIFC" ? container("aiff", "an AIFF file") : undefined
}

/** Transport stream packets: a sync byte every 188 bytes, or every 192 after a time code of four. */
const sniffTransportStream = (head: Uint8Array): SourceKind | undefined => {
  for (const [first, step] of [
    [0, 188],
    [4, 192],
    [0, 204]
  ]) {
    const marks = Math.min(5, Math.floor((head.length - first - 1) / step) + 1)
    let all = marks >= 3
    for (let mark = 0; mark < marks; mark++) all = all && head[first + mark * step] === 0x47
    if (all) return container("mpegts", "an MPEG transport stream")
  }
  return undefined
}

const sniffPortable = (head: Uint8Array): SourceKind | undefined =>
  /^P[1-7Ff][ \t\r\n#]/.test(latin1(head, 0, 3)) ? image("ppm", "a portable pixmap") : undefined

const sniffBitmap = (head: Uint8Array): SourceKind | undefined => {
  if (head.length < 26 || latin1(head, 0, 2) !== "BM") return undefined
  const headerSize = head[14] | (head[15] << 8)
  return [12, 40, 52, 56, 64, 108, 124].includes(headerSize) ? image("bmp", "a BMP picture") : undefined
}

/** A GIF whose first 64 KiB do not hold two frames is still called unmoving here; the opener reads on (`gif-frames.ts`). */
const sniffGif = (head: Uint8Array): SourceKind | undefined => (/^GIF8[79]a/.test(latin1(head, 0, 6)) ? image("gif", "a GIF picture", false, "gif") : undefined)

/** Says what bytes are, from the first 64 KiB of them. Names play no part. Pure. */
export const sniff = (head: Uint8Array): SourceKind => {
  if (head.length === 0) return unknown("empty")
  for (const [offset, signature, kind] of signatures) {
    if (latin1(head, offset, offset + signature.length) === signature) return kind
  }
  return (
    sniffPng(head) ??
    sniffGif(head) ??
    sniffRiff(head) ??
    sniffForm(head) ??
    sniffIsoMedia(head) ??
    sniffPortable(head) ??
    sniffBitmap(head) ??
    sniffTransportStream(head) ??
    sniffMpegAudio(head) ??
    sniffText(head) ??
    unknown("bytes of no known kind")
  )
}
