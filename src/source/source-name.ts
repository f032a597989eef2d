import { basename } from "node:path"

/** "24,381 bytes", "1 byte". */
export const byteCount = (bytes: number): string => `${bytes.toLocaleString("en-US")} ${bytes === 1 ? "byte" : "bytes"}`

/** Text that fits one line of a message: control characters as escapes, at most 200 characters. */
export const oneLine = (text: string): string => {
  const line = text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (one) => (one === "\n" ? "\\n" : `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`))
  return line.length <= 200 ? line : `${line.slice(0, 160)}...${line.slice(-37)}`
}

/** How messages call a file: its name without its folders. */
export const fileName = (path: string): string => oneLine(basename(path) || path)

/** How messages call an address: without the password and the search part, where secrets may stand. */
export const addressName = (url: URL): string => oneLine(`${url.protocol}//${url.host}${url.pathname}`)
