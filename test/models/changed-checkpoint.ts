import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { afterAll } from "vitest"
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { loadModel, type LoadServices, services } from "../../src/face/load-model.ts"
import { plan } from "../../src/session/ask.ts"
import type { LoadedModel } from "../../src/session/model.ts"
import { type ContentPart, openPrompt } from "../../src/session/open-prompt.ts"
import type { Tensor } from "../../src/tensor/tensor.ts"

type Json = Readonly<Record<string, unknown>>

/** Opens a family's golden checkpoint and changed copies of it, in temporary folders that go with the test file. */
export const checkpoints = (golden: string) => {
  const temporary = mkdtempSync(join(tmpdir(), "sensorium-checkpoints-"))
  afterAll(() => rmSync(temporary, { recursive: true, force: true }))
  const own = join(import.meta.dirname, "../golden", golden)
  let copies = 0
  const copy = (): string => {
    const folder = join(temporary, `copy-${copies++}`)
    cpSync(join(own, "checkpoint"), folder, { recursive: true })
    return folder
  }
  const changeJson = (file: string, change: (json: Json) => Json): string => {
    const folder = copy()
    writeFileSync(join(folder, file), JSON.stringify(change(JSON.parse(readFileSync(join(folder, file), "utf8")))))
    return folder
  }
  const run = <A, E>(effect: Effect.Effect<A, E, LoadServices | Scope.Scope>): Promise<A> =>
    Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(services({ cacheDir: join(temporary, "cache") }))))
  return {
    /** The golden checkpoint's folder. */
    folder: join(own, "checkpoint"),
    /** A file beside it. */
    file: (...path: ReadonlyArray<string>): string => join(own, ...path),
    run,
    open: (folder: string, strict = false) => loadModel({ model: folder, dtype: "fp32", cacheDir: join(temporary, "cache"), strict }),
    /** A copy with a JSON file changed. */
    changeJson,
    /** A copy with another file of text. */
    changeText: (file: string, text: string): string => {
      const folder = copy()
      writeFileSync(join(folder, file), text)
      return folder
    },
    /** A copy with its tensors changed, and its config.json too where that is given. */
    changeTensors: (change: (tensors: Map<string, Tensor>) => void, config: (json: Json) => Json = (json) => json): Promise<string> =>
      run(
        Effect.gen(function* () {
          const folder = changeJson("config.json", config)
          const file = yield* openSafetensors(join(own, "checkpoint/model.safetensors"))
          const tensors = new Map<string, Tensor>()
          for (const name of file.tensors.keys()) tensors.set(name, yield* file.read(name))
          change(tensors)
          yield* writeSafetensors(join(folder, "model.safetensors"), Object.fromEntries(tensors))
          return folder
        })
      )
  }
}

/** The plan of one question. */
export const planOf = (model: LoadedModel, ...content: ReadonlyArray<ContentPart>) =>
  Effect.flatMap(openPrompt([{ role: "user", content }]), (prompt) => plan(model, prompt, { maxTokens: 4 }))

/** config.json with fields of one part changed. */
export const inPart =
  (part: string, change: Json) =>
  (config: Json): Json => ({ ...config, [part]: { ...Object(config[part]), ...change } })
