import type { SourceKind } from "./sniff.ts"

const linking = (format: string, what: string): SourceKind => ({ _tag: "Linking", format, what })

/** Text formats that name other files or addresses, by how they begin (after white space and a byte order mark). */
const linkingTexts: ReadonlyArray<readonly [RegExp, SourceKind]> = [
  [/^#EXTM3U/, linking("m3u8", "a playlist (M3U)")],
  [/^ffconcat version/, linking("ffconcat", "a list of files to join (ffconcat)")],
  [/^file[ \t]+['"\S]/, linking("ffconcat", "a list of files to join (concat)")],
  [/^\[playlist\]/i, linking("pls", "a playlist (PLS)")],
  [/^\[(Reference|InternetShortcut)\]/i, linking("url", "a shortcut to an address")],
  [/^v=0\r?\n/, linking("sdp", "a session description (SDP)")],
  [/^(rtsp|rtmp|mms|http|https):\/\//i, linking("url", "an address in a file")]
]

/** XML documents that name other files or addresses, by their first element. */
const linkingElements: Readonly<Record<string, SourceKind>> = {
  mpd: linking("dash", "a DASH manifest"),
  asx: linking("asx", "a playlist (ASX)"),
  smil: linking("smil", "a presentation that names other files (SMIL)"),
  playlist: linking("xspf", "a playlist (XSPF)"),
  smoothstreamingmedia: linking("ism", "a Smooth Streaming manifest"),
  compositionplaylist: linking("imf", "a composition playlist (IMF)"),
  assetmap: linking("imf", "an asset map (IMF)")
}

const control = /[\0-\x08\x0e-\x1a\x1c-\x1f]/

/** The head as text, where it is UTF-8 (a letter cut at the end is forgiven) or UTF-16 with its mark, without control characters. */
const asText = (head: Uint8Array): string | undefined => {
  const encoding = head[0] === 0xff && head[1] === 0xfe ? "utf-16le" : head[0] === 0xfe && head[1] === 0xff ? "utf-16be" : "utf-8"
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true })
    return control.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** The name of the first element of an XML document, without its prefix and in small letters; nothing when there is none. */
const firstElement = (text: string): string | undefined => {
  let at = 0
  for (;;) {
    while (at < text.length && text.charCodeAt(at) <= 32) at++
    const after = text.startsWith("<!--", at) ? (["-->", 3] as const) : text.startsWith("<?", at) ? (["?>", 2] as const) : undefined
    if (after !== undefined) {
      const end = text.indexOf(after[0], at + 2)
      if (end < 0) return undefined
      at = end + after[1]
    } else if (text.startsWith("<!DOCTYPE", at) || text.startsWith("<!doctype", at)) {
      const close = text.indexOf(">", at)
      const subset = text.indexOf("[", at)
      const end = subset >= 0 && subset < close ? text.indexOf("]", subset) : at
      const last = end < 0 ? -1 : text.indexOf(">", end)
      if (last < 0) return undefined
      at = last + 1
    } else {
      const name = /^<(?:[\w.-]{1,64}:)?([\w.-]{1,64})/.exec(text.slice(at, at + 140))
      return name === null ? undefined : name[1].toLowerCase()
    }
  }
}

/** Tells text formats apart; nothing when the bytes are no text. */
export const sniffText = (head: Uint8Array): SourceKind | undefined => {
  const text = asText(head)?.trimStart()
  if (text === undefined) return undefined
  for (const [start, kind] of linkingTexts) if (start.test(text)) return kind
  const element = text.startsWith("<") ? firstElement(text) : undefined
  if (element === "svg") return hasReference(text) ? linkingVector : { _tag: "Image", format: "svg", what: "a vector picture (SVG)", moving: false }
  if (element !== undefined && linkingElements[element] !== undefined) return linkingElements[element]
  if (element === "html") return { _tag: "Unknown", what: "a web page" }
  if (element !== undefined) return { _tag: "Unknown", what: "XML text" }
  return { _tag: "Unknown", what: /^[[{]/.test(text) && /[\]}]\s{0,8}$/.test(text) ? "JSON text" : "plain text" }
}

/** A vector picture that names another file. */
export const linkingVector: SourceKind = linking("svg", "a vector picture that refers to another file or address")

/** What names something outside: attributes and rules (what begins with `#` or `data:` is inside the file itself), entities, scripts, style sheets. */
const references = [
  /(?:href|src|base)\s{0,20}=\s{0,20}["'](?!\s{0,20}(?:#|data:|["']))/i,
  /url\((?!\s{0,20}["']?\s{0,20}(?:#|data:))/i,
  /@import|<!ENTITY|<\?xml-stylesheet|<(?:[\w.-]{1,64}:)?(?:include|script|foreignObject)[\s>]/i
]

/** Whether a vector picture would make its reader open another file or address, or holds what could (entities, scripts, style sheets). */
export const hasReference = (svg: string): boolean => references.some((one) => one.test(svg))
