import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { machinePath, node, root, run } from "./project.js"

const packagesOf = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages ?? {}
  } catch {
    return undefined
  }
}

/** What is wrong with node_modules, seen against the lock file; undefined when they agree. */
export const outOfStep = () => {
  const wanted = packagesOf(join(root, "package-lock.json"))
  const installed = packagesOf(join(root, "node_modules", ".package-lock.json"))
  if (installed === undefined) return "nothing is installed"
  for (const [path, { version, integrity, optional }] of Object.entries(wanted)) {
    if (path === "") continue
    const there = existsSync(join(root, path)) ? installed[path] : undefined
    // An optional package may be for another platform.
    if (there === undefined && optional === true) continue
    if (there === undefined) return `${path} is missing`
    if (there.version !== version || there.integrity !== integrity) return `${path} is not ${version}`
  }
  for (const path of Object.keys(installed)) if (!(path in wanted)) return `${path} is not in the lock file`
  if (node() === process.execPath && !process.execPath.startsWith(root)) return "the project's own Node is missing"
  return undefined
}

/** Installs what the lock file says, when node_modules differs from it. */
export const installPackages = () => {
  const reason = outOfStep()
  if (reason === undefined) return
  console.log(`Installing packages from the lock file (${reason}) ...`)
  // The machine's own Node and npm: those in node_modules are about to be replaced.
  const env = { ...process.env, PATH: machinePath(), ONNXRUNTIME_NODE_INSTALL: "skip" }
  const npm = process.env.npm_execpath
  const machineNode = process.env.npm_node_execpath
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"]
  const status =
    npm?.endsWith(".js") && machineNode !== undefined && !machineNode.includes("node_modules") ? run(machineNode, [npm, ...args], env) : run("npm", args, env)
  if (status !== 0) throw new Error(`npm ci ended with ${status}`)
  const left = outOfStep()
  if (left !== undefined) throw new Error(`after npm ci, ${left}; are install scripts switched off (ignore-scripts)?`)
}
