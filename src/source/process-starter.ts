import { Context, Effect } from "effect"
import { effectProcess } from "./effect-process.ts"
import { posixProcess } from "./posix-process.ts"
import { openPosixSpawn } from "./posix-spawn.ts"
import type { StartProcess } from "./spawned-process.ts"

const choose = async (): Promise<StartProcess> => {
  const posix = await openPosixSpawn()
  return posix === undefined ? effectProcess : posixProcess(posix)
}

// Chosen once in the life of the process, when the first program is started; it holds libc.
let chosen: Promise<StartProcess> | undefined

/** How processes are started: by `posix_spawn` where it is to be had, else by Effect's `ChildProcess`. */
export const ProcessStarter = Context.Reference<StartProcess>("sensorium/source/ProcessStarter", {
  defaultValue: () => (command) =>
    Effect.flatMap(
      Effect.promise(() => (chosen ??= choose())),
      (start) => start(command)
    )
})
