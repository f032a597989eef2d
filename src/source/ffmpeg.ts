import { Context, Effect, Fiber, Layer, type Scope, Stream } from "effect"
import { FfmpegFailed, type FfmpegMissing, SourceUnreadable, type Stage } from "../core/errors.ts"
import { type FfmpegPrograms, type FfmpegSearch, findFfmpeg } from "./find-ffmpeg.ts"
import { memoize } from "./memoize.ts"
import { ProcessStarter } from "./process-starter.ts"
import { oneLine } from "./source-name.ts"

/** What ffmpeg reads: one local file, as one kind of container. */
export interface FfmpegInput {
  /** How messages call it. */
  readonly name: string
  /** Absolute path; every legal file name is safe. */
  readonly path: string
  /** The demuxer to force (`SourceKind.demuxer`): ffmpeg never guesses, so it opens no playlist and no list of files. */
  readonly demuxer: string
  /** Options that stand before the input: `-ss`, `-copyts`. */
  readonly options?: ReadonlyArray<string>
}

/** One run of ffmpeg (or ffprobe) on one input. */
export interface FfmpegJob {
  readonly program?: "ffmpeg" | "ffprobe"
  readonly input: FfmpegInput
  /** Options that stand after the input: what to map, and to `pipe:1` (and `pipe:3`). */
  readonly output: ReadonlyArray<string>
  /** Whether a second output is written to `pipe:3`. Both must then be read at the same time: ffmpeg stops on one that is not. */
  readonly secondOutput?: boolean
  /** The stage that errors name. Default "open". */
  readonly stage?: Stage
  /** ffmpeg's own words on standard error, from this level on. Default "error". */
  readonly logLevel?: "error" | "warning" | "info"
  /** Whether an exit code other than 0 is no error (`ffmpeg -i` without an output). */
  readonly anyExit?: boolean
}

/** What goes wrong while ffmpeg runs. */
export type FfmpegError = SourceUnreadable | FfmpegFailed

/** A process at work. It is killed when its scope ends. */
export interface FfmpegRun {
  /** `pipe:1`, with backpressure; fails at its end when the process failed. */
  readonly stdout: Stream.Stream<Uint8Array, FfmpegError>
  /** `pipe:3`; empty unless asked for. */
  readonly second: Stream.Stream<Uint8Array, FfmpegError>
  /** What it said on standard error (the last 64 KiB), once it has ended. */
  readonly said: Effect.Effect<string>
  /** Waits for the end; fails when the process failed. */
  readonly ended: Effect.Effect<void, FfmpegError>
}

/** Runs ffmpeg. Processes are scoped, killed with SIGKILL (a decoder on a full pipe does not hear SIGTERM), and read no standard input. */
export class Ffmpeg extends Context.Service<
  Ffmpeg,
  {
    /** Where the programs are; looked for once, when they are first needed. */
    readonly programs: Effect.Effect<FfmpegPrograms, FfmpegMissing>
    readonly run: (job: FfmpegJob) => Effect.Effect<FfmpegRun, FfmpegMissing | FfmpegError, Scope.Scope>
    /** The first output as a stream that owns its process: it ends with the stream, also when that is left early. */
    readonly stream: (job: FfmpegJob) => Stream.Stream<Uint8Array, FfmpegMissing | FfmpegError>
    /** All that a short job writes to its first output and to standard error, as text. */
    readonly text: (job: FfmpegJob) => Effect.Effect<{ readonly stdout: string; readonly said: string }, FfmpegMissing | FfmpegError>
  }
>()("sensorium/source/Ffmpeg") {
  /** Needs nothing: processes are started as `ProcessStarter` says. */
  static readonly layer = (search: FfmpegSearch = {}): Layer.Layer<Ffmpeg> => Layer.sync(Ffmpeg, () => make(search))
}

/** What ffmpeg says when the file is at fault, and not ffmpeg or its options. */
const fileAtFault =
  /Invalid data|moov atom|[Tt]runcat|End of file|could not find codec|no start code|[Hh]eader (?:missing|damaged)|Invalid argument|Input\/output error|does not contain any stream|matches no streams|Permission denied|No such file|maximum|Picture size|not implemented/

const lastLine = (said: string): string => {
  const lines = said
    .split(/[\r\n]+/)
    .map((line) => line.replace(/^\[[^\]]*@ 0x[0-9a-f]+\]\s*/, "").trim())
    .filter((line) => line !== "")
  // The last line often says only that it gave up; an earlier one says why.
  const telling = lines.findLast((line) => fileAtFault.test(line)) ?? lines.at(-1) ?? "it gave no reason"
  return oneLine(telling.replace(/^file:[^\n]*: /, ""))
}

const commandLine = ({ input, logLevel = "error", output, program = "ffmpeg" }: FfmpegJob): ReadonlyArray<string> => [
  ...(program === "ffmpeg" ? ["-nostdin"] : []),
  "-hide_banner",
  "-v",
  logLevel,
  "-protocol_whitelist",
  "file,pipe",
  "-f",
  input.demuxer,
  ...(input.options ?? []),
  "-i",
  `file:${input.path}`,
  ...output
]

const keepText = 64 * 1024

const make = (search: FfmpegSearch): Ffmpeg["Service"] => {
  const programs = memoize(findFfmpeg(search))

  const run = Effect.fnUntraced(function* (job: FfmpegJob): Effect.fn.Return<FfmpegRun, FfmpegMissing | FfmpegError, Scope.Scope> {
    const found = yield* programs
    const name = job.program ?? "ffmpeg"
    const stage = job.stage ?? "open"
    const source = job.input.name
    const failed = (exitCode: number | null, why: string): FfmpegFailed => new FfmpegFailed({ stage, source, exitCode, message: `${source}: ${name} ${why}` })
    const start = yield* ProcessStarter
    const child = yield* Effect.mapError(
      start({
        program: name === "ffprobe" ? (found.ffprobe ?? name) : found.ffmpeg,
        args: commandLine(job),
        env: { ...process.env, FFREPORT: undefined, AV_LOG_FORCE_NOCOLOR: "1" },
        secondOutput: job.secondOutput === true
      }),
      (error) => failed(null, `could not be started: ${error.message}`)
    )

    let said = ""
    const listening = yield* child.stderr.pipe(
      Stream.decodeText(),
      Stream.runForEach((text) =>
        Effect.sync(() => {
          said = (said + text).slice(-keepText)
        })
      ),
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true })
    )
    const heard = Effect.andThen(
      Fiber.await(listening),
      Effect.sync(() => said)
    )
    const ended = Effect.gen(function* () {
      // It is about to end when it closes its standard error: only then is its exit looked for.
      const words = yield* heard
      const exit = yield* Effect.mapError(child.exit, (error) => failed(null, `ended, and ${error.message}`))
      if (exit.code === null) return yield* failed(null, `was killed before it ended${exit.signal === null ? "" : ` (${exit.signal})`}`)
      const { code } = exit
      if (code === 0 || job.anyExit === true) return
      if (fileAtFault.test(words))
        return yield* new SourceUnreadable({ stage, source, message: `${source} cannot be read: ${lastLine(words)} (${name}, exit code ${code})` })
      return yield* failed(code, `ended with exit code ${code}: ${lastLine(words)}`)
    })
    const output = (bytes: Stream.Stream<Uint8Array, Error>): Stream.Stream<Uint8Array, FfmpegError> =>
      Stream.concat(
        Stream.mapError(bytes, (error) => failed(null, `broke off: ${error.message}`)),
        Stream.fromEffectDrain(ended)
      )
    return { stdout: output(child.stdout), second: job.secondOutput === true ? output(child.second) : Stream.empty, said: heard, ended }
  })

  const stream = (job: FfmpegJob): Stream.Stream<Uint8Array, FfmpegMissing | FfmpegError> => Stream.unwrap(Effect.map(run(job), ({ stdout }) => stdout))

  const text = (job: FfmpegJob) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { said, stdout } = yield* run(job)
        const written = yield* Stream.mkString(Stream.decodeText(stdout))
        return { stdout: written, said: yield* said }
      })
    )

  return Ffmpeg.of({ programs, run, stream, text })
}
