import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { root } from "../ground/repository-files.ts"

/** How a run of the command ended, and all that it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the command in a folder. */
export const startCommand = (args: ReadonlyArray<string>, env: Record<string, string> = {}, nodeArgs: ReadonlyArray<string> = []): ChildProcess =>
  spawn(process.execPath, [...nodeArgs, join(root, "src", "cli", "sensorium.js"), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env }
  })

/** Waits until a started command has ended and its output is read. */
export const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve) => {
    let [stdout, stderr] = ["", ""]
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })

/** Runs the command to its end. */
export const runCommand = (args: ReadonlyArray<string>, env?: Record<string, string>): Promise<Ended> => ended(startCommand(args, env))
