#!/usr/bin/env node
// The command `sensorium`, in plain JavaScript: it starts on any Node and runs the program on one that is new enough.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
// A checkout has the sources; a package has them compiled.
const source = join(root, "src", "cli", "main.ts")
const program = existsSync(source) ? source : join(root, "dist", "src", "cli", "main.js")
const ownNode = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node")
const [major, minor] = process.versions.node.split(".").map(Number)

/** Runs the program in a process of its own and ends as it ends. */
const start = (node) => {
  // The channel tells the program when this process is gone, however it went.
  const child = spawn(node, [program, ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit", "ipc"] })
  // A terminal's Ctrl-C reaches both; a signal sent to this process alone is passed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => {
    console.error(`sensorium: ${node} cannot be started: ${error.message}`)
    process.exitCode = 1
  })
  child.on("exit", (code, signal) => {
    if (signal === null) process.exitCode = code
    else if (signal === "SIGINT" || signal === "SIGTERM" || signal === "SIGHUP") process.exitCode = 128 + constants.signals[signal]
    else {
      console.error(`sensorium: the program was ended by ${signal}`)
      process.exitCode = 70
    }
  })
}

// Below 22.19, undici and the stripping of types are missing.
if (major > 22 || (major === 22 && minor >= 19)) await import(pathToFileURL(program).href)
else if (existsSync(ownNode)) start(ownNode)
else {
  console.error(
    `sensorium: needs Node 22.19 or later; this is ${process.version}${existsSync(source) ? " (`npm run setup` installs one beside the sources)" : ""}`
  )
  process.exitCode = 1
}
