import { randomUUID } from "node:crypto"
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { Context, Effect, Layer, Option, Scope } from "effect"
import type { CacheUnwritable } from "../core/errors.ts"
import { makeFolder, unwritable, writing } from "../core/writing.ts"
import { defaultCacheFolder } from "./cache-folder.ts"
import { filesBelow, MANIFEST, manifestOf, seal } from "./entry-manifest.ts"
import { isHeld, isLocked, mark, tryLock, waitLock } from "./folder-lock.ts"

/** Where the cache lies and how much it keeps. */
export interface ModelCacheSettings {
  /** Default: the environment variable SENSORIUM_CACHE_DIR, else `sensorium` in the platform's cache folder. */
  readonly folder?: string
  /** Entries that are not in use go, the least recently used first, while all of them take more. Default 64 GiB. */
  readonly maxBytes?: number
}

/** What is kept under one key. */
export interface CacheEntry {
  readonly key: string
  /** Name for people, as it was given when the entry was built. */
  readonly label: string
  readonly folder: string
  readonly bytes: number
  readonly lastUsed: Date
  /** Some process has it open. */
  readonly inUse: boolean
}

/** What a clearing did. */
export interface Cleared {
  readonly removed: ReadonlyArray<CacheEntry>
  /** In use, and still there. */
  readonly kept: ReadonlyArray<CacheEntry>
}

const DEFAULT_MAX_BYTES = 64 * 2 ** 30

/**
 * Folders that are made once and kept, by key. In the cache folder: `models/<key>` complete entries, `building` what is being made or thrown away,
 * `locks` and `uses` who is at work, `hashes` remembered hashes of files. Several processes may share it.
 */
export class ModelCache extends Context.Service<
  ModelCache,
  {
    /** Absolute path of the cache folder. */
    readonly folder: string
    /** Folder for `CheckpointOptions.hashes`. */
    readonly hashes: string
    readonly maxBytes: number
    /**
     * The folder of `key`, made by `build` where it is not there: once, whoever asks meanwhile (in this process or in another) waits. `build` writes into a
     * temporary folder, which takes its place by one rename when all of it has reached the disk; a build that fails or is interrupted leaves nothing. The entry is in use,
     * and stays, until the scope closes. `label`: a name for people.
     */
    readonly entry: <E, R>(
      key: string,
      build: (temporaryFolder: string) => Effect.Effect<void, E, R>,
      label?: string
    ) => Effect.Effect<string, E | CacheUnwritable, Exclude<R, Scope.Scope> | Scope.Scope>
    /** All complete entries, the most recently used first. */
    readonly list: Effect.Effect<ReadonlyArray<CacheEntry>>
    /** Removes everything that is not in use. */
    readonly clear: Effect.Effect<Cleared, CacheUnwritable>
    /** How much is kept. */
    readonly usage: Effect.Effect<{ readonly entries: number; readonly bytes: number; readonly maxBytes: number }>
  }
>()("sensorium/cache/ModelCache") {
  /** The cache in a folder, which is made when something is first kept. */
  static readonly layer = (settings: ModelCacheSettings = {}): Layer.Layer<ModelCache> => Layer.sync(ModelCache, () => make(settings))
}

const KEY = /^(?!\.)[A-Za-z0-9._-]{1,128}$/

const namesIn = (folder: string): Effect.Effect<ReadonlyArray<string>> => Effect.promise(() => readdir(folder).catch(() => []))

const make = (settings: ModelCacheSettings): ModelCache["Service"] => {
  const folder = resolve(settings.folder ?? defaultCacheFolder({ environment: process.env, platform: process.platform, home: homedir() }))
  const maxBytes = settings.maxBytes ?? DEFAULT_MAX_BYTES
  const [models, building, locks, uses, hashes] = ["models", "building", "locks", "uses", "hashes"].map((name) => join(folder, name))
  const keeping = <A>(path: string, promise: () => Promise<A>) => writing("compile", path, promise)
  const remove = (path: string) => Effect.promise(() => rm(path, { recursive: true, force: true }).catch(() => {}))
  const locking = (effect: Effect.Effect<void, unknown, Scope.Scope>) =>
    effect.pipe(Effect.catch((error) => unwritable("compile", folder, error).pipe(Effect.flatMap(Effect.fail))))
  const prepare = Effect.forEach([models, building, locks, uses], (path) => keeping(path, () => makeFolder(path)), { discard: true })

  /** Marks of `key` that a live process holds; others are taken away. */
  const isInUse = (key: string): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      let live = false
      for (const name of yield* namesIn(join(uses, key))) {
        const path = join(uses, key, name.replace(/\.lock$/, ""))
        if (yield* isLocked(path)) live = true
        else yield* remove(`${path}.lock`)
      }
      return live
    })

  /** Takes away temporaries that nobody works on any more. */
  const sweep: Effect.Effect<void> = namesIn(building).pipe(
    Effect.flatMap(
      Effect.forEach(
        (name) =>
          Effect.gen(function* () {
            const path = join(building, name.replace(/\.lock$/, ""))
            if (yield* isLocked(path)) return
            yield* remove(path)
            yield* remove(`${path}.lock`)
          }),
        { discard: true }
      )
    )
  )

  const use = (key: string) => keeping(uses, () => makeFolder(join(uses, key))).pipe(Effect.andThen(locking(mark(join(uses, key, randomUUID())))))

  const describe = (key: string): Effect.Effect<Option.Option<CacheEntry>> =>
    Effect.gen(function* () {
      const path = join(models, key)
      const manifest = yield* manifestOf(path)
      if (Option.isNone(manifest)) return Option.none()
      return yield* Effect.tryPromise(async () => {
        const bytes = Object.values(await filesBelow(path)).reduce((total, size) => total + size, 0)
        const { mtime } = await stat(join(path, MANIFEST))
        return { key, label: manifest.value.label, folder: path, bytes, lastUsed: mtime }
      }).pipe(
        Effect.flatMap((entry) => isInUse(key).pipe(Effect.map((inUse) => Option.some({ ...entry, inUse })))),
        // Removed meanwhile.
        Effect.catch(() => Effect.succeedNone)
      )
    })

  const list: Effect.Effect<ReadonlyArray<CacheEntry>> = namesIn(models).pipe(
    Effect.flatMap(Effect.forEach(describe)),
    Effect.map((entries) => entries.flatMap((entry) => (Option.isSome(entry) ? [entry.value] : [])).sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime()))
  )

  /** Removes an entry, whole or broken, that nobody uses or opens; says whether it is gone. */
  const evict = (key: string): Effect.Effect<boolean, unknown> =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* tryLock(join(locks, key))
        if (yield* isInUse(key)) return false
        // Out of sight at once, so that no one sees half of it.
        const gone = join(building, `${key}.${randomUUID()}`)
        yield* Effect.tryPromise({ try: () => rename(join(models, key), gone), catch: (error) => error })
        yield* remove(gone)
        yield* remove(join(uses, key))
        return true
      })
    ).pipe(Effect.catch((error) => (isHeld(error) ? Effect.succeed(false) : Effect.fail(error))))

  const trim: Effect.Effect<void> = Effect.gen(function* () {
    const entries = yield* list
    let bytes = entries.reduce((total, entry) => total + entry.bytes, 0)
    for (const entry of entries.toReversed()) {
      if (bytes <= maxBytes) return
      // What cannot be removed now is left for the next time.
      if (!entry.inUse && (yield* evict(entry.key).pipe(Effect.catch(() => Effect.succeed(false))))) bytes -= entry.bytes
    }
  })

  const buildInto = <E, R>(key: string, build: (temporaryFolder: string) => Effect.Effect<void, E, R>, label: string) =>
    Effect.scoped(
      Effect.gen(function* () {
        const temporary = join(building, `${key}.${randomUUID()}`)
        yield* locking(tryLock(temporary))
        yield* Effect.acquireRelease(
          keeping(temporary, () => mkdir(temporary)),
          () => remove(temporary)
        )
        yield* Effect.scoped(build(temporary))
        yield* keeping(temporary, () => seal(temporary, label))
        // What stands there now is broken, or another process was first; then its entry is as good.
        if (Option.isSome(yield* manifestOf(join(models, key)))) return
        yield* keeping(join(models, key), async () => {
          await rm(join(models, key), { recursive: true, force: true })
          await rename(temporary, join(models, key))
        })
      })
    )

  const entry: ModelCache["Service"]["entry"] = (key, build, label = key) =>
    Effect.gen(function* () {
      if (!KEY.test(key)) throw new Error(`${JSON.stringify(key)} is no key of the cache: letters, digits, dots and dashes, at most 128`)
      const path = join(models, key)
      const user = yield* Effect.scope
      const built = yield* Effect.scoped(
        Effect.gen(function* () {
          const whole = Option.isSome(yield* manifestOf(path))
          const locked = yield* prepare.pipe(
            Effect.andThen(locking(waitLock(join(locks, key)))),
            Effect.as(true),
            // A cache that cannot be written still gives what it has.
            Effect.catch((error) => (whole ? Effect.succeed(false) : Effect.fail(error)))
          )
          if (!locked) return false
          const missing = Option.isNone(yield* manifestOf(path))
          if (missing) {
            yield* sweep
            yield* buildInto(key, build, label)
          }
          yield* use(key).pipe(Scope.provide(user))
          yield* Effect.promise(() => utimes(join(path, MANIFEST), new Date(), new Date()).catch(() => {}))
          return missing
        })
      )
      if (built) yield* trim
      return path
    })

  const clear: ModelCache["Service"]["clear"] = Effect.gen(function* () {
    const entries = yield* list
    const removed: Array<CacheEntry> = []
    const kept: Array<CacheEntry> = []
    for (const key of yield* namesIn(models)) {
      const gone = yield* evict(key).pipe(Effect.catch((error) => unwritable("compile", join(models, key), error).pipe(Effect.flatMap(Effect.fail))))
      const known = entries.find((each) => each.key === key)
      if (known !== undefined) (gone ? removed : kept).push(known)
    }
    yield* sweep
    yield* remove(hashes)
    return { removed, kept }
  })

  return {
    folder,
    hashes,
    maxBytes,
    entry,
    list,
    clear,
    usage: list.pipe(Effect.map((entries) => ({ entries: entries.length, bytes: entries.reduce((total, { bytes }) => total + bytes, 0), maxBytes })))
  }
}
