import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Scope, Stream } from "effect"
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { effectProcess } from "../../src/source/effect-process.ts"
import { openPosixSpawn } from "../../src/source/posix-spawn.ts"
import { posixProcess } from "../../src/source/posix-process.ts"
import type { ProcessCommand, SpawnedProcess } from "../../src/source/spawned-process.ts"
import { children, testFolder } from "./temporary-folder.ts"

const { path } = testFolder()
const posix = await openPosixSpawn()
const starters = [["Effect's ChildProcess", effectProcess] as const, ...(posix === undefined ? [] : [["posix_spawn", posixProcess(posix)] as const])]

const env = { PATH: process.env["PATH"] }
const shell = (script: string, more: Partial<ProcessCommand> = {}): ProcessCommand => ({ program: "/bin/sh", args: ["-c", script], env, ...more })
const text = (bytes: Stream.Stream<Uint8Array, Error>) => Stream.mkString(Stream.decodeText(bytes))
const outputs = ({ exit, second, stderr, stdout }: SpawnedProcess) =>
  Effect.flatMap(Effect.all([text(stdout), text(stderr), text(second)], { concurrency: 3 }), (texts) => Effect.map(exit, (ended) => ({ texts, ended })))
/** What its descriptors lead to, without those that the runtime itself opens. */
const openFiles = () =>
  readdirSync("/proc/self/fd")
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return [] // closed while we looked
      }
    })
    .filter((target) => /^(?:pipe|socket):/.test(target) || target.startsWith(path("")))
/** Waits, a little: Node closes its own pipes in a later turn of the loop, also those of the test before. */
const filesClose = async (wanted: number) => {
  for (let i = 0; i < 200 && openFiles().length > wanted; i++) await new Promise((done) => setTimeout(done, 10))
  return openFiles().length
}
/** Whether a process runs: one that is dead and not yet waited for does not. */
const alive = (pid: number) => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

describe.each(starters)("a process by %s", (_name, start) => {
  it.live("gives each of its outputs, and its code", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const child = yield* start(shell("printf one; printf two >&2; printf three >&3; exit 7", { secondOutput: true }))
        expect(yield* outputs(child)).toStrictEqual({ texts: ["one", "two", "three"], ended: { code: 7 } })
        // Asked again, it says the same.
        expect(yield* child.exit).toStrictEqual({ code: 7 })
      })
    )
  )

  it.live("has its arguments and its environment, byte for byte, and no more", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const args = ["", "a b", "naïve ✓ 🙂", "new\nline", "-x", "'\"$HOME\\", "x".repeat(100_000)]
        const child = yield* start(
          shell(`printf '%s|' "$0" "$@" "$ONE" "\${NONE-unset}"`, {
            args: ["-c", `printf '%s|' "$@" "$ONE" "\${NONE-unset}" "\${HOME-unset}"`, "sh", ...args],
            env: { ...env, ONE: "1 é", NONE: undefined }
          })
        )
        const {
          texts: [said]
        } = yield* outputs(child)
        expect(said).toBe([...args, "1 é", "unset", "unset", ""].join("|"))
      })
    )
  )

  it.live("finds a program in PATH, and runs a script that names no interpreter", () =>
    Effect.scoped(
      Effect.gen(function* () {
        expect(yield* outputs(yield* start({ program: "printf", args: ["%s", "found"], env }))).toMatchObject({ texts: ["found", "", ""], ended: { code: 0 } })
        writeFileSync(path("bare"), "printf '%s' \"$1\"; exit 4\n", { mode: 0o755 })
        expect(yield* outputs(yield* start({ program: path("bare"), args: ["here"], env }))).toMatchObject({ texts: ["here", "", ""], ended: { code: 4 } })
      })
    )
  )

  it.live("that cannot start is an error in the system's words, and leaves nothing", () =>
    Effect.gen(function* () {
      const before = openFiles().length
      for (const [program, words] of [
        [path("nowhere"), /ENOENT|NotFound/],
        [path(""), /EACCES|PermissionDenied/]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(start({ program, args: [], env, secondOutput: true })))
        expect(error.message).toMatch(words)
      }
      expect((yield* Effect.flip(Effect.scoped(start({ program: "/bin/sh", args: ["a\0b"], env })))).message).toMatch(/null|NUL/i)
      expect(yield* Effect.promise(() => filesClose(before))).toBeLessThanOrEqual(before)
    })
  )

  it.live("reads an empty standard input", () =>
    Effect.scoped(
      Effect.gen(function* () {
        expect(yield* outputs(yield* start(shell("cat; echo done")))).toMatchObject({ texts: ["done\n", "", ""], ended: { code: 0 } })
      })
    )
  )

  it.live("waits while nobody reads it, and gives every byte", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const child = yield* start(shell(`head -c 5000000 /dev/zero; touch '${path("written")}'`))
        yield* Effect.sleep(150)
        expect(readdirSync(path(""))).not.toContain("written")
        expect(
          yield* Stream.runFold(
            child.stdout,
            () => 0,
            (sum, piece) => sum + piece.length
          )
        ).toBe(5_000_000)
        expect(readdirSync(path(""))).toContain("written")
        rmSync(path("written"))
      })
    )
  )

  it.live("is killed when its scope ends, with all that it started, though its outputs are full", () =>
    Effect.gen(function* () {
      const before = openFiles().length
      let inner = 0
      yield* Effect.scoped(
        Effect.gen(function* () {
          const child = yield* start(shell("trap '' TERM; sleep 1000 & echo $! >&2; yes", { secondOutput: true }))
          const said = yield* child.stderr.pipe(Stream.decodeText(), Stream.take(1), Stream.mkString)
          inner = Number(said)
          expect(alive(inner)).toBe(true)
        })
      )
      expect(children("sh")).toStrictEqual([])
      while (alive(inner)) yield* Effect.sleep(5)
      // Node closes a pipe that was full and nobody reads when it is collected.
      if (start !== effectProcess) expect(yield* Effect.promise(() => filesClose(before))).toBeLessThanOrEqual(before)
    })
  )

  it.live("ends while it starts, while it runs and while it ends, and leaves nothing", () =>
    Effect.gen(function* () {
      const before = openFiles().length
      for (let i = 0; i < 40; i++) {
        const fiber = yield* Effect.forkChild(
          Effect.scoped(Effect.flatMap(start(shell(i % 2 === 0 ? "echo; echo >&2" : "yes", { secondOutput: i % 3 === 0 })), outputs))
        )
        yield* i % 4 === 0 ? Effect.yieldNow : Effect.sleep(i / 4)
        yield* Fiber.interrupt(fiber)
      }
      expect(children("sh").concat(children("yes"))).toStrictEqual([])
      expect(yield* Effect.promise(() => filesClose(before))).toBeLessThanOrEqual(before)
    })
  )

  it.live("many at once are each whole", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const one = (i: number) => Effect.flatMap(start(shell(`printf ${i}; printf ${i} >&3; exit ${i}`, { secondOutput: true })), outputs)
        const all = yield* Effect.all(
          Array.from({ length: 30 }, (_, i) => one(i)),
          { concurrency: "unbounded" }
        )
        expect(all).toStrictEqual(all.map((_, i) => ({ texts: [String(i), "", String(i)], ended: { code: i } })))
      })
    )
  )
})

describe.runIf(posix !== undefined && process.platform === "linux")("a process by posix_spawn", () => {
  const start: typeof effectProcess = (command) => (posix === undefined ? Effect.fail(new Error("not to be had")) : posixProcess(posix)(command))

  it.live("says which signal ended it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        expect((yield* outputs(yield* start(shell("kill -9 $$")))).ended).toStrictEqual({ code: null, signal: "SIGKILL" })
        expect((yield* outputs(yield* start(shell("kill -TERM $$")))).ended).toStrictEqual({ code: null, signal: "SIGTERM" })
      })
    )
  )

  it.live("inherits its pipes alone, no signal that is held back and none that is ignored", () =>
    Effect.scoped(
      Effect.gen(function* () {
        writeFileSync(path("open"), "")
        const fd = openSync(path("open"), "r")
        for (const secondOutput of [false, true]) {
          const {
            texts: [files]
          } = yield* outputs(yield* start({ program: "/bin/ls", args: ["-l", "/proc/self/fd"], env, secondOutput }))
          const inherited = [...files.matchAll(/ (\d+) -> (\S+)/g)].map(([, number, target]) => [number, target.replace(/:.*/, "")])
          // One more is the folder that it lists.
          expect(inherited.filter(([, target]) => !target.startsWith("/proc/"))).toStrictEqual([
            ["0", "/dev/null"],
            ["1", "pipe"],
            ["2", "pipe"],
            ...(secondOutput ? [["3", "pipe"]] : [])
          ])
        }
        closeSync(fd)
        const {
          texts: [status]
        } = yield* outputs(yield* start({ program: "/bin/cat", args: ["/proc/self/status"], env }))
        expect(/^SigBlk:\s*(\w+)$/m.exec(status)?.[1]).toMatch(/^0+$/)
        const ignored = BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(status)?.[1]}`)
        expect(ignored & (1n << BigInt(constants.signals.SIGPIPE - 1))).toBe(0n)
      })
    )
  )

  it.live("leads a process group of its own", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const {
          texts: [stat]
        } = yield* outputs(yield* start({ program: "/bin/cat", args: ["/proc/self/stat"], env }))
        const [pid, , , parent, group] = stat.split(" ").map(Number)
        expect(group).toBe(pid)
        expect(parent).toBe(process.pid)
      })
    )
  )

  it.live("leaves no descriptor after hundreds, and Node's own processes none the worse", () =>
    Effect.gen(function* () {
      const before = openFiles().length
      const both = (by: typeof effectProcess) => Effect.scoped(Effect.flatMap(by(shell("printf x; exit 3")), outputs))
      for (let i = 0; i < 100; i++) {
        const found = yield* Effect.all([both(start), both(start), ...(i % 20 === 0 ? [both(effectProcess)] : [])], { concurrency: 3 })
        for (const { ended, texts } of found) expect([ended, texts[0]]).toStrictEqual([{ code: 3 }, "x"])
      }
      expect(children("sh")).toStrictEqual([])
      expect(yield* Effect.promise(() => filesClose(before))).toBeLessThanOrEqual(before)
    })
  )

  it.live("whose end another has taken is an error, no hang", () =>
    Effect.gen(function* () {
      if (posix === undefined) return
      const lost = posixProcess({
        ...posix,
        wait: (pid) => {
          while (posix.wait(pid) === undefined) {
            /* it ends at once */
          }
          return posix.wait(1)
        }
      })
      const error = yield* Effect.flip(Effect.scoped(Effect.flatMap(lost(shell("exit 0")), outputs)))
      expect(error.message).toMatch(/how process 1 ended is not known/)
    })
  )

  it.live("an output that is not read closes with the scope", () =>
    Effect.gen(function* () {
      const before = openFiles().length
      const scope = yield* Scope.make()
      yield* Scope.provide(start(shell("yes", { secondOutput: true })), scope)
      expect(openFiles().length).toBeGreaterThan(before)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      expect(openFiles().length).toBeLessThanOrEqual(before)
      expect(children("sh").concat(children("yes"))).toStrictEqual([])
    })
  )
})
