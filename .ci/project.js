import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

// The files of .ci are plain JavaScript for Node 20: they run before anything is installed.

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const ownNode = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node")

/** The project's own Node once it is installed, else the one that runs this. */
export const node = () => (existsSync(ownNode) ? ownNode : process.execPath)

/** The search path without folders of node_modules: what the machine itself has. */
export const machinePath = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))
    .join(delimiter)

/** Runs a command in the root folder with its output shown; returns its exit status, 127 where it cannot be started. */
export const run = (command, args, env = process.env) => {
  const { status, error, signal } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32" && command === "npm"
  })
  if (error) return 127
  return signal === null ? (status ?? 1) : 1
}
