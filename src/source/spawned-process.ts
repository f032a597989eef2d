import type { Effect, Scope, Stream } from "effect"

/** A program to start, and what it is given. It reads nothing: its standard input is empty. */
export interface ProcessCommand {
  /** Absolute path, or a name that is looked for in PATH. */
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** Its whole environment; entries that are undefined are left out. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether file descriptor 3 is a pipe that it may write to. Default false. */
  readonly secondOutput?: boolean
}

/** How a process ended: by itself, with a code, or by a signal (null where the system does not say which). */
export type ProcessExit = { readonly code: number } | { readonly code: null; readonly signal: string | null }

/** A process at work. It leads a process group of its own, which is killed with SIGKILL when its scope ends; no zombie stays. */
export interface SpawnedProcess {
  /** Each output with backpressure: a process whose output is not read waits. Each may be run once. */
  readonly stdout: Stream.Stream<Uint8Array, Error>
  readonly stderr: Stream.Stream<Uint8Array, Error>
  /** File descriptor 3; empty unless asked for. */
  readonly second: Stream.Stream<Uint8Array, Error>
  /** Waits for its end; asked for once its outputs have ended. Fails where the system has lost how it ended. */
  readonly exit: Effect.Effect<ProcessExit, Error>
}

/** A way to start processes. Fails with the system's own words where a program cannot be started. */
export type StartProcess = (command: ProcessCommand) => Effect.Effect<SpawnedProcess, Error, Scope.Scope>
