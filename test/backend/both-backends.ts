import { describe, layer } from "@effect/vitest"
import type { Vitest } from "@effect/vitest"
import type { Backend } from "../../src/backend/backend.ts"
import { layerCApi } from "../../src/backend/c-api/layer.ts"
import { layerJsBinding } from "../../src/backend/js-binding/layer.ts"

/** Both implementations of the backend, by what `SENSORIUM_BACKEND` calls them. */
export const backends = { c: layerCApi({ threads: 2 }), js: layerJsBinding({ threads: 2 }) } as const

/** Declares the same tests for each backend, with real clocks. */
export const onBoth = (name: string, tests: (it: Vitest.MethodsNonLive<Backend>, backend: "c" | "js") => void): void => {
  describe(`${name}, on both backends`, () => {
    for (const backend of ["c", "js"] as const) layer(backends[backend], { excludeTestServices: true })(backend, (it) => tests(it, backend))
  })
}

/** What `liveHandles` says when nothing is open. */
export const nothingLive = { sessions: 0, sessionOptions: 0, runOptions: 0, values: 0, typeInfos: 0, calls: 0 }
