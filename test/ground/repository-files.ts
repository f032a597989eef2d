import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

/** Every file of the repository, relative to its root: committed, or new and not ignored. */
export const files: ReadonlyArray<string> = execFileSync("git", ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 64 * 1024 * 1024
})
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(root, path)))
  .sort()

/** The text of one of them. */
export const textOf = (path: string): string => readFileSync(join(root, path), "utf8")

/** The modules that go into the package. */
export const modules = files.filter((path) => /^(src|modalities)\/.*\.ts$/.test(path))

/** A program's text with comments blanked out; strings stay. */
export const withoutComments = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (piece) =>
    piece.startsWith("/") ? piece.replace(/[^\n]/g, " ") : piece
  )
