import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Stream } from "effect"
import { Socket } from "node:net"
import { constants } from "node:os"
import type { PosixSpawn, StartedProcess } from "./posix-spawn.ts"
import type { ProcessCommand, ProcessExit, SpawnedProcess, StartProcess } from "./spawned-process.ts"

/** Milliseconds between two looks at a process that is about to end, at most. */
const longestPause = 32

const signalName = (number: number): string => Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`

const asError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)))

/** What is known of a process that has ended. */
type Ended = { readonly exit: ProcessExit } | { readonly lost: Error }

/** A process of `posix_spawn`: its pipes as sockets, which libuv reads without a thread, and its end, looked for once it is near. */
class Child {
  readonly stdout: Socket
  readonly stderr: Socket
  readonly second: Socket | undefined
  readonly #pid: number
  readonly #wait: PosixSpawn["wait"]
  #ended: Ended | undefined

  constructor({ close, wait }: PosixSpawn, { pid, second, stderr, stdout }: StartedProcess) {
    this.#pid = pid
    this.#wait = wait
    const unread = new Set([stdout, stderr, ...(second === undefined ? [] : [second])])
    const read: Array<Socket> = []
    const socket = (fd: number): Socket => {
      const made = new Socket({ fd, readable: true, writable: false })
      unread.delete(fd)
      read.push(made)
      // Who reads it hears of a fault; where nobody does, it is none.
      return made.on("error", () => {})
    }
    try {
      this.stdout = socket(stdout)
      this.stderr = socket(stderr)
      this.second = second === undefined ? undefined : socket(second)
    } catch (cause) {
      for (const made of read) made.destroy()
      for (const fd of unread) close(fd)
      this.#kill()
      Effect.runFork(Effect.ignore(this.exit))
      throw cause
    }
  }

  /** Looks whether it has ended; it is then no zombie any more. */
  #look(): Ended | undefined {
    if (this.#ended !== undefined) return this.#ended
    try {
      const status = this.#wait(this.#pid)
      if (status === undefined) return undefined
      const signal = status & 0x7f
      this.#ended = { exit: signal === 0 ? { code: (status >> 8) & 0xff } : { code: null, signal: signalName(signal) } }
    } catch (cause) {
      this.#ended = { lost: asError(cause) }
      return this.#ended
    }
    // What it started itself and left behind; while any of it lives, the group's number is no other's.
    this.#kill()
    return this.#ended
  }

  #kill(): void {
    try {
      process.kill(-this.#pid, "SIGKILL")
    } catch {
      // Nothing of the group is left.
    }
  }

  /** Looks until it has ended: at once, after a millisecond, and then ever more rarely. */
  readonly exit: Effect.Effect<ProcessExit, Error> = Effect.callback((resume) => {
    let pause = 1
    let timer: NodeJS.Timeout | undefined
    const look = (): void => {
      const ended = this.#look()
      if (ended !== undefined) return resume("exit" in ended ? Effect.succeed(ended.exit) : Effect.fail(ended.lost))
      timer = setTimeout(look, pause)
      pause = Math.min(2 * pause, longestPause)
    }
    look()
    return Effect.sync(() => clearTimeout(timer))
  })

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#look() === undefined) this.#kill()
    for (const socket of [this.stdout, this.stderr, this.second]) socket?.destroy()
    return Effect.ignore(this.exit)
  })
}

const bytes = (socket: Socket): Stream.Stream<Uint8Array, Error> => NodeStream.fromReadable<Uint8Array, Error>({ evaluate: () => socket, onError: asError })

/**
 * Starts processes by the C library's `posix_spawn`, which copies no page table: 0.2 ms of the event loop whatever memory this process holds, where Node's own
 * `spawn` forks and takes 25 ms for each gigabyte.
 */
export const posixProcess =
  (posix: PosixSpawn): StartProcess =>
  (command: ProcessCommand) =>
    Effect.map(
      Effect.acquireRelease(Effect.try({ try: () => new Child(posix, posix.start(command)), catch: asError }), (child) => child.close),
      (child): SpawnedProcess => ({
        stdout: bytes(child.stdout),
        stderr: bytes(child.stderr),
        second: child.second === undefined ? Stream.empty : bytes(child.second),
        exit: child.exit
      })
    )
