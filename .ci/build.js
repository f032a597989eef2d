import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { node, root, run } from "./project.js"

const dist = join(root, "dist")
const stamp = join(dist, ".sources")

const filesUnder = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesUnder(path)
    return entry.name.endsWith(".ts") ? [path] : []
  })

const sources = () => {
  const hash = createHash("sha256")
  const files = ["src", "modalities"].flatMap((folder) => filesUnder(join(root, folder)))
  for (const path of [...files, join(root, "tsconfig.json"), join(root, "tsconfig.build.json"), join(root, "package-lock.json")]) {
    const { mtimeMs, size } = statSync(path)
    hash.update(`${relative(root, path)} ${mtimeMs} ${size}\n`)
  }
  return hash.digest("hex")
}

/** Compiles the sources to dist when they have changed since the last time; false when they have type errors (dist is written all the same). */
export const build = () => {
  const now = sources()
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return true
  const fresh = `${dist}.${process.pid}`
  const old = `${fresh}.old`
  try {
    const status = run(node(), [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json", "--outDir", fresh])
    mkdirSync(fresh, { recursive: true })
    // With errors there is no stamp: the next build tells them again.
    if (status === 0) writeFileSync(join(fresh, ".sources"), now)
    // Whoever imports from dist sees the old one or the new one.
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
    return status === 0
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(old, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = build() ? 0 : 1
