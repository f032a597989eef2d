import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { afterEach, vi } from "vitest"
import { Backend } from "../../src/backend/backend.ts"
import { libraryPath } from "../../src/backend/c-api/library-path.ts"
import { backendVariable, fallingBack, layer, layerWith } from "../../src/backend/layer.ts"
import { layerJsBinding } from "../../src/backend/js-binding/layer.ts"
import { BackendFailure } from "../../src/core/errors.ts"

const nameOf = (which: Layer.Layer<Backend, unknown>) => Effect.map(Backend, (backend) => backend.name).pipe(Effect.provide(which))

describe("which backend runs", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.live("the C API when nothing is said", () =>
    Effect.gen(function* () {
      vi.stubEnv(backendVariable, "")
      assert.include(yield* nameOf(layer), "C API")
    })
  )

  it.live("the one that the variable names", () =>
    Effect.gen(function* () {
      vi.stubEnv(backendVariable, "js")
      assert.include(yield* nameOf(layer), "JavaScript binding")
      vi.stubEnv(backendVariable, "c")
      assert.include(yield* nameOf(layer), "C API")
    })
  )

  it.live("none for another word, or a setting out of range", () =>
    Effect.gen(function* () {
      vi.stubEnv(backendVariable, "webgpu")
      const word = yield* Effect.flip(nameOf(layer))
      assert.deepInclude(word, { _tag: "OptionInvalid", option: backendVariable })
      vi.stubEnv(backendVariable, "")
      for (const settings of [{ threads: 0 }, { threads: 1.5 }, { concurrency: 4 }, { spinMicroseconds: -1 }, { threads: Number.NaN }]) {
        const failure = yield* Effect.flip(nameOf(layerWith(settings)))
        assert.deepInclude(failure, { _tag: "OptionInvalid", option: Object.keys(settings)[0] })
      }
    })
  )

  it.live("the JavaScript binding, with one line in the log, where the C API cannot be opened", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => {
        lines.push(String(message))
      })
      const refused = new BackendFailure({ stage: "load", graph: "onnxruntime", message: "the library is of another time" })
      const chosen = fallingBack(Layer.effect(Backend, Effect.fail(refused)), layerJsBinding())
      assert.include(yield* nameOf(chosen).pipe(Effect.provide(Logger.layer([logger]))), "JavaScript binding")
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "the library is of another time")
      assert.include(lines[0], "JavaScript binding")
    })
  )
})

describe("the library", () => {
  it("is found by its name on each platform", () => {
    assert.match(libraryPath("linux", "x64"), /linux[\\/]x64[\\/]libonnxruntime\.so\.1$/)
    assert.match(libraryPath("linux", "arm64"), /linux[\\/]arm64[\\/]libonnxruntime\.so\.1$/)
    assert.match(libraryPath("darwin", "arm64"), /darwin[\\/]arm64[\\/]libonnxruntime\.1\.dylib$/)
    assert.match(libraryPath("win32", "x64"), /win32[\\/]x64[\\/]onnxruntime\.dll$/)
  })

  it("is told to be missing where there is none", () => {
    assert.throws(() => libraryPath("linux", "s390x"), /linux s390x/)
    assert.throws(() => libraryPath("aix", "ppc64"), /aix/)
  })
})
