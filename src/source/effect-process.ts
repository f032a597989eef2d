import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { ProcessCommand, ProcessExit, SpawnedProcess, StartProcess } from "./spawned-process.ts"

const asError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)))

// Not all of Node's services: a terminal among them would listen to standard input each time.
const services = NodeChildProcessSpawner.layer.pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

/** Starts processes by Effect's `ChildProcess`, which stands on Node's `spawn`: on every platform, at the price of a fork. */
export const effectProcess: StartProcess = Effect.fnUntraced(function* ({ args, env, program, secondOutput = false }: ProcessCommand) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* Effect.mapError(
    spawner.spawn(
      ChildProcess.make(program, args, {
        stdin: "ignore",
        killSignal: "SIGKILL",
        env,
        extendEnv: false,
        ...(secondOutput ? { additionalFds: { fd3: { type: "output" } } } : {})
      })
    ),
    asError
  )
  const exit: Effect.Effect<ProcessExit> = Effect.match(handle.exitCode, { onSuccess: (code) => ({ code }), onFailure: () => ({ code: null, signal: null }) })
  const bytes = (output: Stream.Stream<Uint8Array, unknown>): Stream.Stream<Uint8Array, Error> => Stream.mapError(output, asError)
  return {
    stdout: bytes(handle.stdout),
    stderr: bytes(handle.stderr),
    second: secondOutput ? bytes(handle.getOutputFd(3)) : Stream.empty,
    exit
  } satisfies SpawnedProcess
}, Effect.provide(services))
