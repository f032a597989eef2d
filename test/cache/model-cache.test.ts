import { spawn } from "node:child_process"
import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, unlink, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { ModelCache, type ModelCacheSettings } from "../../src/cache/model-cache.ts"

const newFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sensorium-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** What a test does with a cache, over a layer of its own: two of these on one folder know nothing of each other. */
const withCache = <A, E, R>(settings: ModelCacheSettings, use: (cache: ModelCache["Service"]) => Effect.Effect<A, E, R>) =>
  ModelCache.use(use).pipe(Effect.provide(ModelCache.layer(settings)))

const fill = (content: string) => (temporary: string) => Effect.promise(() => writeFile(join(temporary, "weights.bin"), content))
const mustNotBuild = () => Effect.die("built although it is there")
const names = (...path: ReadonlyArray<string>) => Effect.promise(() => readdir(join(...path)).catch(() => []))
const weights = (folder: string) => Effect.promise(() => readFile(join(folder, "weights.bin"), "utf8"))

/** Uses an entry and lets go of it. */
const touch = (
  folder: string,
  key: string,
  build: (temporary: string) => Effect.Effect<void> = fill("w".repeat(1000)),
  settings: Omit<ModelCacheSettings, "folder"> = {}
) => Effect.scoped(withCache({ folder, ...settings }, (cache) => cache.entry(key, build, `the ${key}`)))

/** Nothing half done and nobody at work. */
const expectQuiet = (folder: string) =>
  Effect.gen(function* () {
    expect(yield* names(folder, "building")).toEqual([])
    expect(yield* names(folder, "locks")).toEqual([])
  })

/** Locks of processes that were killed look older with time; this does not wait for it. */
const age = (folder: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const old = new Date(Date.now() - 60_000)
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.name.endsWith(".lock")) await utimes(join(entry.parentPath, entry.name), old, old)
    }
  })

/** Another process that asks for an entry; killed with the scope. */
const otherProcess = (folder: string, key: string, mode = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "other-process.ts"), folder, key, mode], { stdio: ["pipe", "pipe", "inherit"] })
      const said: Array<string> = []
      const listeners = new Set<() => void>()
      createInterface(child.stdout).on("line", (line) => {
        said.push(line)
        for (const listener of listeners) listener()
      })
      const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()))
      return {
        said,
        /** Waits until it has said the word. */
        says: (word: string) =>
          Effect.callback<void>((resume) => {
            const look = () => {
              if (said.includes(word)) resume(Effect.void)
            }
            listeners.add(look)
            look()
          }),
        /** Its end as it should be. */
        end: Effect.promise(() => {
          child.stdin.end()
          return exited
        }),
        kill: Effect.promise(() => {
          child.kill("SIGKILL")
          return exited
        })
      }
    }),
    ({ kill }) => kill
  )

describe("one build", () => {
  it.live("for all who ask at once, and for all who ask later", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      let builds = 0
      const build = (temporary: string) =>
        Effect.sync(() => {
          builds++
        }).pipe(Effect.andThen(fill("abc")(temporary)))
      const paths = yield* withCache({ folder }, (cache) =>
        Effect.all(
          Array.from({ length: 5 }, () => Effect.scoped(cache.entry("key", build))),
          { concurrency: "unbounded" }
        )
      )
      expect(paths).toEqual(Array(5).fill(join(folder, "models", "key")))
      expect(yield* touch(folder, "key", mustNotBuild)).toBe(paths[0])
      expect(builds).toBe(1)
      expect(yield* weights(paths[0])).toBe("abc")
      yield* expectQuiet(folder)
    }).pipe(Effect.scoped)
  )

  it.live("for two processes", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const [one, other] = yield* Effect.all([otherProcess(folder, "key"), otherProcess(folder, "key")])
      yield* Effect.all([one.says("ready"), other.says("ready")], { concurrency: 2 })
      expect([...one.said, ...other.said].sort()).toEqual(["build", "ready", "ready"])
      yield* Effect.all([one.end, other.end], { concurrency: 2 })
      yield* touch(folder, "key", mustNotBuild)
      yield* expectQuiet(folder)
      expect(yield* names(folder, "uses", "key")).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live("of each key, though the builds run at the same time", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const met = yield* Deferred.make<void>()
      let inside = 0
      const build = (temporary: string) =>
        Effect.suspend(() => (++inside === 2 ? Deferred.succeed(met, undefined) : Effect.void)).pipe(
          Effect.andThen(Deferred.await(met)),
          Effect.andThen(fill("x")(temporary))
        )
      yield* withCache({ folder }, (cache) => Effect.all([Effect.scoped(cache.entry("a", build)), Effect.scoped(cache.entry("b", build))], { concurrency: 2 }))
      expect(yield* names(folder, "models")).toEqual(["a", "b"])
    }).pipe(Effect.scoped)
  )

  it.live("whose own resources are closed before its folder moves", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      let closedIn = ""
      yield* withCache({ folder }, (cache) =>
        Effect.scoped(
          cache.entry("key", (temporary) =>
            Effect.addFinalizer(() =>
              names(temporary).pipe(
                Effect.map((found) => {
                  closedIn = found.join()
                })
              )
            ).pipe(Effect.andThen(fill("x")(temporary)))
          )
        )
      )
      expect(closedIn).toBe("weights.bin")
    }).pipe(Effect.scoped)
  )
})

describe("a build that does not end well leaves nothing that a later one trusts", () => {
  it.live("failed: its error comes out, the next one builds", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      expect(
        yield* withCache({ folder }, (cache) =>
          Effect.scoped(cache.entry("key", (temporary) => fill("half")(temporary).pipe(Effect.andThen(Effect.fail("broken" as const)))))
        ).pipe(Effect.flip)
      ).toBe("broken")
      expect(yield* names(folder, "models")).toEqual([])
      yield* expectQuiet(folder)
      expect(yield* weights(yield* touch(folder, "key", fill("whole")))).toBe("whole")
    }).pipe(Effect.scoped)
  )

  it.live("interrupted: the one who waits builds", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const begun = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        touch(folder, "key", (temporary) => fill("half")(temporary).pipe(Effect.andThen(Deferred.succeed(begun, undefined)), Effect.andThen(Effect.never)))
      )
      yield* Deferred.await(begun)
      const second = yield* Effect.forkChild(touch(folder, "key", fill("whole")))
      // A waiter that goes away takes nothing with it.
      const third = yield* Effect.forkChild(touch(folder, "key", mustNotBuild))
      yield* Effect.sleep("100 millis")
      yield* Fiber.interrupt(third)
      yield* Fiber.interrupt(first)
      expect(yield* weights(yield* Fiber.join(second))).toBe("whole")
      yield* expectQuiet(folder)
    }).pipe(Effect.scoped)
  )

  it.live("killed: its folder is swept away and built anew", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const other = yield* otherProcess(folder, "key", "stuck")
      yield* other.says("build")
      yield* other.kill
      expect((yield* names(folder, "building")).length).toBe(2)
      expect(yield* names(folder, "models")).toEqual([])
      yield* age(folder)
      expect(yield* weights(yield* touch(folder, "key", fill("whole")))).toBe("whole")
      yield* expectQuiet(folder)
    }).pipe(Effect.scoped)
  )

  it.live("while another one still builds: its folder is not swept", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const other = yield* otherProcess(folder, "key", "stuck")
      yield* other.says("build")
      yield* touch(folder, "second")
      expect((yield* names(folder, "building")).length).toBe(2)
    }).pipe(Effect.scoped)
  )

  const broken: Readonly<Record<string, (entry: string) => Promise<void>>> = {
    "a file that is shorter than it was": (entry) => truncate(join(entry, "weights.bin"), 2),
    "a file that is gone": (entry) => unlink(join(entry, "weights.bin")),
    "no manifest": (entry) => unlink(join(entry, "entry.json")),
    "a manifest that is empty": (entry) => truncate(join(entry, "entry.json"), 0),
    "a manifest of another kind": (entry) => writeFile(join(entry, "entry.json"), '{"files":[]}')
  }
  for (const [name, damage] of Object.entries(broken)) {
    it.live(`damaged: ${name}`, () =>
      Effect.gen(function* () {
        const folder = yield* newFolder
        const entry = yield* touch(folder, "key", fill("first"))
        yield* Effect.promise(() => damage(entry))
        expect(yield* withCache({ folder }, ({ list }) => list)).toEqual([])
        expect(yield* weights(yield* touch(folder, "key", fill("second")))).toBe("second")
      }).pipe(Effect.scoped)
    )
  }

  it.live("files that were added to an entry later do no harm", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const entry = yield* touch(folder, "key", fill("first"))
      yield* Effect.promise(() => writeFile(join(entry, "packed.bin"), "more"))
      expect(yield* touch(folder, "key", mustNotBuild)).toBe(entry)
    }).pipe(Effect.scoped)
  )
})

describe("room", () => {
  it.live("the least recently used entries go when a new one passes the bound", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      for (const [i, key] of ["a", "b", "c"].entries()) {
        const entry = yield* touch(folder, key)
        const time = new Date(1_700_000_000_000 + i * 1000)
        yield* Effect.promise(() => utimes(join(entry, "entry.json"), time, time))
      }
      yield* touch(folder, "a", mustNotBuild)
      expect((yield* withCache({ folder }, ({ list }) => list)).map(({ key }) => key)).toEqual(["a", "c", "b"])
      yield* touch(folder, "d", fill("w".repeat(1500)), { maxBytes: 3000 })
      expect(yield* names(folder, "models")).toEqual(["a", "d"])
      expect(yield* names(folder, "uses")).toEqual(["a", "d"])
      yield* expectQuiet(folder)
    }).pipe(Effect.scoped)
  )

  it.live("an entry larger than the bound is kept while it is in use, and goes for the next one", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      yield* withCache({ folder, maxBytes: 100 }, (cache) =>
        Effect.gen(function* () {
          const entry = yield* Effect.scoped(
            cache.entry("large", fill("w".repeat(1000))).pipe(
              Effect.tap(weights),
              Effect.tap(() => Effect.scoped(cache.entry("small", fill("w"))))
            )
          )
          yield* weights(entry)
          yield* Effect.scoped(cache.entry("next", fill("w")))
          expect(yield* names(folder, "models")).toEqual(["next", "small"])
        })
      )
    }).pipe(Effect.scoped)
  )

  it.live("an entry that another process uses stays, until that process ends or is killed", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const [one, other] = yield* Effect.all([otherProcess(folder, "theirs"), otherProcess(folder, "dead")])
      yield* Effect.all([one.says("ready"), other.says("ready")], { concurrency: 2 })
      const tight = { maxBytes: 10 }
      yield* touch(folder, "mine", fill("w"), tight)
      expect(yield* names(folder, "models")).toEqual(["dead", "mine", "theirs"])
      expect((yield* withCache({ folder }, ({ list }) => list)).map(({ inUse, key }) => [key, inUse]).sort()).toEqual([
        ["dead", true],
        ["mine", false],
        ["theirs", true]
      ])
      yield* other.kill
      yield* one.end
      yield* age(folder)
      yield* touch(folder, "next", fill("w"), tight)
      expect(yield* names(folder, "models")).toEqual(["next"])
    }).pipe(Effect.scoped)
  )
})

describe("a process that slept past its time", () => {
  it.live("marks what it uses again, and unmarks it at the end", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const marks = names(folder, "uses", "key")
      yield* Effect.scoped(
        withCache({ folder }, (cache) =>
          Effect.gen(function* () {
            yield* cache.entry("key", fill("x"))
            const [mark] = yield* marks
            yield* Effect.promise(() => rm(join(folder, "uses", "key", mark), { recursive: true }))
            while ((yield* marks).length === 0) yield* Effect.sleep("50 millis")
            expect(yield* marks).toEqual([mark])
          })
        )
      )
      expect(yield* marks).toEqual([])
    }).pipe(Effect.scoped)
  )
})

describe("looking and clearing", () => {
  it.live("list, usage, clear: what is in use stays", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      yield* withCache({ folder, maxBytes: 12345 }, (cache) =>
        Effect.gen(function* () {
          expect([yield* cache.list, yield* cache.usage, yield* cache.clear]).toEqual([
            [],
            { entries: 0, bytes: 0, maxBytes: 12345 },
            { removed: [], kept: [] }
          ])
          yield* Effect.promise(() => mkdir(cache.hashes, { recursive: true }).then(() => writeFile(join(cache.hashes, "x"), "y")))
          yield* touch(folder, "a", fill("w".repeat(1000)))
          const broken = yield* touch(folder, "broken")
          yield* Effect.promise(() => unlink(join(broken, "entry.json")))
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* cache.entry("b", fill("w".repeat(500)), "Omni, fp16")
              const list = yield* cache.list
              expect(list.map(({ inUse, key, label }) => [key, label, inUse])).toEqual([
                ["b", "Omni, fp16", true],
                ["a", "the a", false]
              ])
              expect(list.map(({ bytes, folder: path }) => [path, bytes >= 500 && bytes < 1200])).toEqual([
                [join(folder, "models", "b"), true],
                [join(folder, "models", "a"), true]
              ])
              expect(list[0].lastUsed.getTime()).toBeGreaterThanOrEqual(list[1].lastUsed.getTime())
              expect(yield* cache.usage).toEqual({ entries: 2, bytes: list[0].bytes + list[1].bytes, maxBytes: 12345 })
              const cleared = yield* cache.clear
              expect([cleared.removed.map(({ key }) => key), cleared.kept.map(({ key }) => key)]).toEqual([["a"], ["b"]])
              expect(yield* names(folder, "models")).toEqual(["b"])
              expect(yield* names(cache.hashes)).toEqual([])
            })
          )
          expect((yield* cache.clear).removed.map(({ key }) => key)).toEqual(["b"])
          expect(yield* names(folder, "models")).toEqual([])
        })
      )
    }).pipe(Effect.scoped)
  )

  it.live("the scope that asked is the one that uses", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      yield* withCache({ folder }, (cache) =>
        Effect.gen(function* () {
          yield* Effect.scoped(
            cache.entry("key", fill("x")).pipe(
              Effect.tap(() => Effect.scoped(cache.entry("key", mustNotBuild))),
              Effect.tap(() => names(folder, "uses", "key").pipe(Effect.tap((found) => Effect.sync(() => expect(found).toHaveLength(1)))))
            )
          )
          expect(yield* names(folder, "uses", "key")).toEqual([])
        })
      )
    }).pipe(Effect.scoped)
  )
})

describe("places that cannot be written", () => {
  const unwritable = <A, R>(effect: Effect.Effect<A, unknown, R>): Effect.Effect<unknown, A, R> => Effect.flip(effect)

  it.live("a file where the folder belongs, a folder that nobody may make", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      yield* Effect.promise(() => writeFile(join(folder, "file"), ""))
      for (const place of [join(folder, "file"), join(folder, "file", "deep"), "/proc/sensorium"]) {
        const error = yield* unwritable(touch(place, "key"))
        expect(error).toMatchObject({ _tag: "CacheUnwritable", stage: "compile" })
        expect(String(Object(error).message)).toContain(place)
      }
    }).pipe(Effect.scoped)
  )

  it.live("no room for the manifest: told with figures, nothing left", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const error = yield* unwritable(
        touch(folder, "key", (temporary) =>
          fill("x")(temporary).pipe(Effect.andThen(Effect.promise(() => symlink("/dev/full", join(temporary, "entry.json")))))
        )
      )
      expect(error).toMatchObject({ _tag: "CacheUnwritable" })
      expect(String(Object(error).message)).toMatch(/building\/key\..* could not be written: no room is left \(\d+ bytes are free\)$/)
      expect(yield* names(folder, "models")).toEqual([])
      yield* expectQuiet(folder)
      yield* Effect.promise(() => access("/dev/full"))
    }).pipe(Effect.scoped)
  )

  it.live("what is there can be used, though nothing can be locked", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const entry = yield* touch(folder, "key")
      yield* Effect.promise(() => rm(join(folder, "locks"), { recursive: true }).then(() => writeFile(join(folder, "locks"), "")))
      expect(yield* touch(folder, "key", mustNotBuild)).toBe(entry)
      expect(yield* unwritable(touch(folder, "other"))).toMatchObject({ _tag: "CacheUnwritable" })
      expect(yield* unwritable(withCache({ folder }, ({ clear }) => clear))).toMatchObject({ _tag: "CacheUnwritable" })
    }).pipe(Effect.scoped)
  )

  it.live("a key that is no name of a folder is a mistake of the caller", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      for (const key of ["", ".", "..", "../x", "a/b", ".hidden", "a\\b", "a b", "x".repeat(129)]) {
        const exit = yield* Effect.exit(touch(folder, key))
        expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      }
      expect(yield* names(folder)).toEqual([])
    }).pipe(Effect.scoped)
  )
})
