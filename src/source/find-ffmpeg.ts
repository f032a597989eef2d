import { Effect, Stream } from "effect"
import { constants } from "node:fs"
import { access, stat } from "node:fs/promises"
import { createRequire } from "node:module"
import { delimiter, dirname, isAbsolute, join } from "node:path"
import { FfmpegMissing } from "../core/errors.ts"
import { ProcessStarter } from "./process-starter.ts"

/** The programs that read films and sound. */
export interface FfmpegPrograms {
  readonly ffmpeg: string
  /** Where it lies beside ffmpeg; what it says is then read from ffmpeg itself. */
  readonly ffprobe?: string
  /** Major and minor version; absent where it does not say one (a build from a checkout: taken as new). */
  readonly version?: readonly [major: number, minor: number]
}

/** Where ffmpeg is looked for. */
export interface FfmpegSearch {
  /** The program, said by a setting: nothing else is then tried. */
  readonly path?: string
  /** Environment to read FFMPEG_PATH and PATH from; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Whether the file of the package `ffmpeg-static` is tried. Default true. */
  readonly staticPackage?: boolean
}

const windows = process.platform === "win32"
const programName = (name: string): string => (windows ? `${name}.exe` : name)

const isProgram = (path: string): Effect.Effect<boolean> =>
  Effect.promise(async () => {
    try {
      await access(path, constants.X_OK)
      return (await stat(path)).isFile()
    } catch {
      return false
    }
  })

/** Letters in which a program says its version, at most. */
const firstWords = 4096

/** The version that the program says, where it says one within ten seconds. */
const versionOf = (ffmpeg: string): Effect.Effect<readonly [number, number] | undefined> =>
  Effect.gen(function* () {
    const start = yield* ProcessStarter
    const { stderr, stdout } = yield* start({ program: ffmpeg, args: ["-hide_banner", "-version"], env: process.env })
    yield* Effect.forkScoped(Stream.runDrain(stderr))
    let said = ""
    yield* stdout.pipe(
      Stream.decodeText(),
      Stream.takeUntil((text) => {
        said += text
        return said.includes("\n") || said.length > firstWords
      }),
      Stream.runDrain
    )
    const found = /^ffmpeg version n?(\d+)\.(\d+)/.exec(said)
    return found === null ? undefined : ([Number(found[1]), Number(found[2])] as const)
  }).pipe(
    Effect.scoped,
    Effect.timeout("10 seconds"),
    Effect.orElseSucceed(() => undefined)
  )

/** The file that the optional package downloads; the package itself is not run. */
const staticFile = (): string | undefined => {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("ffmpeg-static/package.json")), programName("ffmpeg"))
  } catch {
    return undefined
  }
}

const howToGet =
  process.platform === "darwin"
    ? "install it with: brew install ffmpeg"
    : windows
      ? "install it with: winget install ffmpeg"
      : "install it with the system's package manager, for example: apt-get install ffmpeg"

const missing = (tried: ReadonlyArray<string>): FfmpegMissing =>
  new FfmpegMissing({
    stage: "open",
    tried,
    message: `ffmpeg was not found (looked at ${tried.join("; ")}). Films and most sound need it: ${howToGet}; or set FFMPEG_PATH to the program`
  })

/** Finds ffmpeg: the setting, FFMPEG_PATH, the file of ffmpeg-static, then PATH. A place that was named and holds no program is an error. */
export const findFfmpeg = Effect.fnUntraced(function* (search: FfmpegSearch = {}): Effect.fn.Return<FfmpegPrograms, FfmpegMissing> {
  const env = search.env ?? process.env
  const withProbe = Effect.fnUntraced(function* (ffmpeg: string): Effect.fn.Return<FfmpegPrograms> {
    const ffprobe = join(dirname(ffmpeg), programName("ffprobe"))
    const version = yield* versionOf(ffmpeg)
    return { ffmpeg, ...((yield* isProgram(ffprobe)) ? { ffprobe } : {}), ...(version === undefined ? {} : { version }) }
  })
  const named = search.path ?? (env["FFMPEG_PATH"] || undefined)
  if (named !== undefined) {
    if (yield* isProgram(named)) return yield* withProbe(named)
    return yield* missing([`${search.path === undefined ? "FFMPEG_PATH" : "the setting"}: ${named}`])
  }
  const tried = ["the setting and FFMPEG_PATH: not set"]
  const packaged = search.staticPackage === false ? undefined : staticFile()
  if (packaged !== undefined && (yield* isProgram(packaged))) return yield* withProbe(packaged)
  tried.push(`the package ffmpeg-static: ${search.staticPackage === false ? "not tried" : (packaged ?? "not installed")}`)
  const folders = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter(isAbsolute)
  for (const folder of folders) {
    const path = join(folder, programName("ffmpeg"))
    if (yield* isProgram(path)) return yield* withProbe(path)
  }
  tried.push(`PATH: ${folders.length === 0 ? "empty" : folders.join(delimiter)}`)
  return yield* missing(tried)
})

/** The option by which frames come out as they are decoded, none doubled and none dropped to hold a rate. It changed its name in 5.1. */
export const everyFrame = ({ version }: FfmpegPrograms): ReadonlyArray<string> =>
  version !== undefined && (version[0] < 5 || (version[0] === 5 && version[1] < 1)) ? ["-vsync", "passthrough"] : ["-fps_mode", "passthrough"]
