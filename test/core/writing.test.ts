import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeFolder, unwritable, writing } from "../../src/core/writing.ts"

const newFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sensorium-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const failed = (code: string) => Object.assign(new Error(`${code}: something`), { code })

describe("makeFolder", () => {
  it.effect("makes what is missing, several at once, and is content with what is there", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const deep = join(folder, "a", "b", "c")
      yield* Effect.promise(() => Promise.all([deep, deep, join(folder, "a", "b"), join(folder, "a", "x")].map(makeFolder)))
      expect(yield* Effect.promise(() => stat(deep).then((found) => found.isDirectory()))).toBe(true)
      yield* Effect.promise(() => makeFolder(deep))
    }).pipe(Effect.scoped)
  )

  it.effect("fails, and ends, where none can be made", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      yield* Effect.promise(() => writeFile(join(folder, "file"), ""))
      const codes = yield* Effect.forEach([join(folder, "file"), join(folder, "file", "x", "y"), "/proc/none", "/proc/none/x/y"], (path) =>
        Effect.tryPromise({ try: () => makeFolder(path), catch: (error) => String(Object(error).code) }).pipe(Effect.flip)
      )
      expect(codes).toEqual(["EEXIST", "ENOTDIR", "ENOENT", "ENOENT"])
    }).pipe(Effect.scoped)
  )
})

describe("what could not be written", () => {
  it.effect("says why in words, with the bytes needed and those that are free where the path would stand", () =>
    Effect.gen(function* () {
      const folder = yield* newFolder
      const path = join(folder, "not", "there", "file")
      const error = yield* unwritable("compile", path, failed("ENOSPC"), 12345)
      expect(error.message).toMatch(new RegExp(`^${path} could not be written: no room is left \\(12345 bytes are needed, \\d+ bytes are free\\)$`))
      expect([error.stage, error.path]).toEqual(["compile", path])
      expect((yield* unwritable("load", path, failed("EWEIRD"))).message).toMatch(/could not be written: EWEIRD: something \(\d+ bytes are free\)$/)
    }).pipe(Effect.scoped)
  )

  it.effect("is the error of a promise that is rejected; one that is kept gives its value", () =>
    Effect.gen(function* () {
      expect(yield* writing("load", "/x", () => Promise.resolve(7))).toBe(7)
      expect((yield* Effect.flip(writing("load", "/x", () => Promise.reject(failed("EROFS"))))).message).toContain("the file system is read-only")
    })
  )
})
