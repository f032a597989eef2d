import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** The version in the package.json above this file: from the sources and from `dist` alike. */
export const packageVersion = (): string => {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "package.json")
    if (!existsSync(path)) continue
    const { version }: { readonly version: string } = JSON.parse(readFileSync(path, "utf8"))
    return version
  }
  return "unknown"
}
