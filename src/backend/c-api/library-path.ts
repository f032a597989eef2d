import { readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** What ONNX Runtime's shared library is called on each platform, with or without its version. */
const libraryName: Readonly<Record<string, RegExp>> = {
  linux: /^libonnxruntime\.so(\.\d+)*$/,
  darwin: /^libonnxruntime(\.\d+)*\.dylib$/,
  win32: /^onnxruntime\.dll$/
}

/**
 * The path of the shared library that onnxruntime-node ships for this platform and processor: `bin/napi-v<n>/<platform>/<arch>/<name>`.
 * Throws, with what was looked for, where there is none.
 */
export const libraryPath = (platform: string = process.platform, arch: string = process.arch): string => {
  const name = libraryName[platform]
  if (name === undefined) throw new Error(`onnxruntime-node has no library for ${platform}`)
  const bin = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")), "bin")
  for (const napi of readdirSync(bin)
    .filter((entry) => entry.startsWith("napi-"))
    .sort()
    .reverse()) {
    const folder = join(bin, napi, platform, arch)
    let files: ReadonlyArray<string> = []
    try {
      files = readdirSync(folder)
    } catch {
      continue
    }
    // The shortest is the name that programs link to; longer ones are the same file with its full version.
    const found = files.filter((file) => name.test(file)).sort((a, b) => a.length - b.length)[0]
    if (found !== undefined) return join(folder, found)
  }
  throw new Error(`onnxruntime-node has no library for ${platform} ${arch}`)
}
