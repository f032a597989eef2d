import { getSystemErrorMap } from "node:util"
import type { ProcessCommand } from "./spawned-process.ts"

/** A process that was started, and our ends of its pipes, as file descriptors. Whoever has it closes them and waits for it. */
export interface StartedProcess {
  readonly pid: number
  readonly stdout: number
  readonly stderr: number
  /** File descriptor 3, where it was asked for. */
  readonly second?: number
}

/** `posix_spawn` and what belongs to it. None of it blocks longer than a system call. */
export interface PosixSpawn {
  /** Starts a program, in a process group of its own. Throws the system's words. */
  readonly start: (command: ProcessCommand) => StartedProcess
  /** The status of a process that has ended, which the system then forgets; undefined while it lives. Throws where it is no child of ours (any more). */
  readonly wait: (pid: number) => number | undefined
  readonly close: (fd: number) => void
  /** koffi's handle: a library whose handle is collected is unmapped under its functions. */
  readonly library: unknown
}

/** `<spawn.h>`; the same numbers in glibc, musl and macOS. */
const setGroup = 2,
  setDefaultSignals = 4,
  setSignalMask = 8
/** macOS: what no file action names is closed. */
const closeByDefault = 0x4000
/** `<fcntl.h>`. */
const closeOnExec = 1,
  setDescriptorFlags = 2
const duplicateCloseOnExec = process.platform === "darwin" ? 67 : 1030
/** `O_CLOEXEC` of Linux, for `pipe2`. */
const openCloseOnExec = 0o2000000
/** `<sys/wait.h>`. */
const doNotHang = 1
/** `<errno.h>`. */
const interruptedCall = 4,
  noProgramFormat = 8

const systemError = (what: string, number: number): Error => {
  const [name, words] = getSystemErrorMap().get(-number) ?? [`error ${number}`, "unknown"]
  return new Error(`${what}: ${name}, ${words}`)
}

/** Bytes for a structure of libc that is opaque here: `posix_spawnattr_t` takes 336 at most, a `sigset_t` 128. */
const structure = (): BigUint64Array => new BigUint64Array(64)

/** Opens the functions in libc that this process already has; undefined where koffi or the platform has none. */
export const openPosixSpawn = async (): Promise<PosixSpawn | undefined> => {
  if (process.platform !== "linux" && process.platform !== "darwin") return undefined
  try {
    const { default: koffi } = await import("koffi")
    if (koffi.sizeof("void *") !== 8) return undefined
    return bind(koffi)
  } catch {
    return undefined
  }
}

const bind = (koffi: typeof import("koffi").default): PosixSpawn => {
  const libc = koffi.load(null)
  const darwin = process.platform === "darwin"
  const pointer = "void *",
    int = "int",
    text = "const char *"
  const optional = (name: string, parameters: Array<string>) => {
    try {
      return libc.func(name, int, parameters)
    } catch {
      return undefined
    }
  }
  const spawn = libc.func("posix_spawnp", int, [pointer, text, pointer, pointer, pointer, pointer])
  const initActions = libc.func("posix_spawn_file_actions_init", int, [pointer])
  const destroyActions = libc.func("posix_spawn_file_actions_destroy", int, [pointer])
  const addOpen = libc.func("posix_spawn_file_actions_addopen", int, [pointer, int, text, int, int])
  const addDuplicate = libc.func("posix_spawn_file_actions_adddup2", int, [pointer, int, int])
  // glibc 2.34 and later. Without it, only what was opened to be inherited is: neither Node nor libuv opens such a file.
  const addCloseFrom = darwin ? undefined : optional("posix_spawn_file_actions_addclosefrom_np", [pointer, int])
  const initAttributes = libc.func("posix_spawnattr_init", int, [pointer])
  const destroyAttributes = libc.func("posix_spawnattr_destroy", int, [pointer])
  const setFlags = libc.func("posix_spawnattr_setflags", int, [pointer, "short"])
  const setProcessGroup = libc.func("posix_spawnattr_setpgroup", int, [pointer, int])
  const setSignalDefault = libc.func("posix_spawnattr_setsigdefault", int, [pointer, pointer])
  const setMask = libc.func("posix_spawnattr_setsigmask", int, [pointer, pointer])
  const fillSignals = libc.func("sigfillset", int, [pointer])
  const emptySignals = libc.func("sigemptyset", int, [pointer])
  const makePipe = darwin ? libc.func("pipe", int, [pointer]) : libc.func("pipe2", int, [pointer, int])
  const control = libc.func("fcntl", int, [int, int, "..."])
  const waitFor = libc.func("waitpid", int, [int, pointer, int])
  const closeDescriptor = libc.func("close", int, [int])

  const close = (fd: number): void => {
    closeDescriptor(fd)
  }
  const must = (what: string, number: number): void => {
    if (number !== 0) throw systemError(what, number)
  }

  /** An array of C strings with a null at its end, in one block of memory: pointers first, then the text that they point to. */
  const stringArray = (strings: ReadonlyArray<string>): BigUint64Array => {
    const sizes = strings.map((string) => Buffer.byteLength(string) + 1)
    const head = (strings.length + 1) * 8
    const block = new ArrayBuffer(Math.ceil((head + sizes.reduce((sum, size) => sum + size, 0)) / 8) * 8)
    const bytes = Buffer.from(block)
    const pointers = new BigUint64Array(block)
    const base = koffi.address(pointers)
    let at = head
    strings.forEach((string, i) => {
      if (string.includes("\0")) throw new Error("an argument holds a null character")
      bytes.write(string, at)
      pointers[i] = base + BigInt(at)
      at += sizes[i]
    })
    return pointers
  }

  /** Both ends of a new pipe, which no program that is started inherits. The end to write to stands above the numbers that a program gets. */
  const pipe = (opened: Set<number>): { readonly read: number; readonly write: number } => {
    const ends = new Int32Array(2)
    if ((darwin ? makePipe(ends) : makePipe(ends, openCloseOnExec)) !== 0) throw systemError("a pipe could not be made", koffi.errno())
    const [read] = ends
    let [, write] = ends
    opened.add(read).add(write)
    if (darwin) for (const end of ends) control(end, setDescriptorFlags, int, closeOnExec)
    if (write < 4) {
      const higher: number = control(write, duplicateCloseOnExec, int, 4)
      if (higher < 0) throw systemError("a pipe could not be made", koffi.errno())
      opened.add(higher)
      close(write)
      opened.delete(write)
      write = higher
    }
    return { read, write }
  }

  const start = ({ args, env, program, secondOutput = false }: ProcessCommand): StartedProcess => {
    const opened = new Set<number>()
    const actions = structure()
    const attributes = structure()
    const signals = structure()
    must("it could not be described", initActions(actions))
    initAttributes(attributes)
    try {
      const stdout = pipe(opened)
      const stderr = pipe(opened)
      const second = secondOutput ? pipe(opened) : undefined
      must("/dev/null", addOpen(actions, 0, "/dev/null", 0, 0))
      for (const [from, to] of [[stdout.write, 1], [stderr.write, 2], ...(second === undefined ? [] : [[second.write, 3]])]) {
        must("a pipe", addDuplicate(actions, from, to))
      }
      if (addCloseFrom !== undefined) must("the other files", addCloseFrom(actions, second === undefined ? 3 : 4))
      setFlags(attributes, setGroup | setDefaultSignals | setSignalMask | (darwin ? closeByDefault : 0))
      setProcessGroup(attributes, 0)
      fillSignals(signals)
      setSignalDefault(attributes, signals)
      emptySignals(signals)
      setMask(attributes, signals)

      const variables = stringArray(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])))
      const pid = new Int32Array(1)
      const run = (path: string, argv: ReadonlyArray<string>): number => spawn(pid, path, actions, attributes, stringArray(argv), variables)
      let fault = run(program, [program, ...args])
      // A script that names no interpreter is the shell's, as for `execvp`.
      if (fault === noProgramFormat) fault = run("/bin/sh", ["/bin/sh", program, ...args])
      must(program, fault)
      for (const kept of [stdout, stderr, second]) if (kept !== undefined) opened.delete(kept.read)
      return { pid: pid[0], stdout: stdout.read, stderr: stderr.read, ...(second === undefined ? {} : { second: second.read }) }
    } finally {
      // The ends to write to; and where it did not start, all.
      for (const fd of opened) close(fd)
      destroyActions(actions)
      destroyAttributes(attributes)
    }
  }

  const wait = (pid: number): number | undefined => {
    const status = new Int32Array(1)
    for (;;) {
      const found: number = waitFor(pid, status, doNotHang)
      if (found === pid) return status[0]
      if (found === 0) return undefined
      const number = koffi.errno()
      if (number !== interruptedCall) throw systemError(`how process ${pid} ended is not known`, number)
    }
  }

  return { start, wait, close, library: libc }
}
