import { mkdir, stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect } from "effect"
import { CacheUnwritable, type Stage } from "./errors.ts"

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no room is left",
  EDQUOT: "the quota is used up",
  EFBIG: "the file system takes no file of this size",
  EACCES: "no right to write there",
  EPERM: "no right to write there",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of the path is no folder",
  EEXIST: "a file stands where a folder belongs",
  ENOENT: "there is no such folder",
  EISDIR: "it is a folder"
}

/** The reason in words, where the system's error has a code that is known. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error && "code" in error ? reasons[String(error.code)] : undefined) ?? (error instanceof Error ? error.message : String(error))

/** Bytes free where `path` stands or would stand. */
const freeAt = (path: string): Promise<number | undefined> =>
  statfs(path).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => (dirname(path) === path ? undefined : freeAt(dirname(path)))
  )

/** The error of a write to `path` that failed: why, how many bytes it needed (where that is known), and how many are free there. */
export const unwritable = (stage: Stage, path: string, error: unknown, neededBytes?: number): Effect.Effect<CacheUnwritable> =>
  Effect.promise(() => freeAt(path)).pipe(
    Effect.map((free) => {
      const figures = [
        ...(neededBytes === undefined ? [] : [`${neededBytes} bytes are needed`]),
        ...(free === undefined ? [] : [`${free} bytes are free`])
      ].join(", ")
      return new CacheUnwritable({ stage, path, message: `${path} could not be written: ${reasonOf(error)}${figures === "" ? "" : ` (${figures})`}` })
    })
  )

/** What `promise` gives; a rejection becomes `CacheUnwritable` for `path`. */
export const writing = <A>(stage: Stage, path: string, promise: () => Promise<A>, neededBytes?: number): Effect.Effect<A, CacheUnwritable> =>
  Effect.tryPromise({ try: promise, catch: (error) => error }).pipe(
    Effect.catch((error) => unwritable(stage, path, error, neededBytes).pipe(Effect.flatMap(Effect.fail)))
  )

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)

/** Makes a folder and those above it. Not Node's `recursive`, which never ends where a folder that exists takes no other (/proc). */
export const makeFolder = async (path: string): Promise<void> => {
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    // Another process may have been first.
    await mkdir(path).catch(async (again: unknown) => {
      if (codeOf(again) !== "EEXIST" || !(await stat(path)).isDirectory()) throw again
    })
  }
}
