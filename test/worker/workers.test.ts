import { expect, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { describe, it } from "vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Workers } from "../../src/worker/workers.ts"
import { moduleBeside, workerTask } from "../../src/worker/worker-task.ts"

const task = workerTask<typeof import("./probe.worker.ts")>()
const at = (name: "sum" | "doubled" | "later" | "spin" | "broken" | "leave" | "uncloneable") => task("./probe.worker.ts", import.meta.url, name)

describe("moduleBeside", () => {
  it("keeps .ts in the checkout and takes .js when built", () => {
    expect(moduleBeside("./a.worker.ts", "file:///x/src/b.ts").href).toBe("file:///x/src/a.worker.ts")
    expect(moduleBeside("./a.worker.ts", "file:///x/dist/b.js").href).toBe("file:///x/dist/a.worker.js")
  })
})

layer(Workers.layer({ size: 2 }), { excludeTestServices: true })("Workers", (it) => {
  it.effect("runs a function of a module and gives its value", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      expect(yield* workers.call(task("./probe.worker.ts", import.meta.url, "sum"), [new Float32Array([1, 2, 3.5])])).toBe(6.5)
      const out = yield* workers.call(task("./probe.worker.ts", import.meta.url, "doubled"), [new Float32Array([1, 2])])
      expect([...out.values, out.note]).toEqual([2, 4, "doubled"])
    })
  )

  it.effect("hands buffers over", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const values = new Float32Array(1000).fill(1)
      expect(yield* workers.call(task("./probe.worker.ts", import.meta.url, "sum"), [values], { transfer: [values.buffer] })).toBe(1000)
      expect(values.byteLength).toBe(0)
    })
  )

  it.effect("starts no more threads than its size, and answers each call with its own value", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const later = task("./probe.worker.ts", import.meta.url, "later")
      const values = yield* Effect.all(
        Array.from({ length: 12 }, (_, i) => workers.call(later, [(12 - i) % 4, `${i}`])),
        { concurrency: "unbounded" }
      )
      expect(values).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`))
      expect(yield* workers.threads).toBeLessThanOrEqual(2)
    })
  )

  it.effect("a throw is a typed error, and the thread lives on", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const before = yield* workers.threads
      const error = yield* Effect.flip(workers.call(task("./probe.worker.ts", import.meta.url, "broken"), ["too long"], { stage: "plan" }))
      expect(error).toMatchObject({ _tag: "WorkerFailed", stage: "plan", task: "broken" })
      expect(error.message).toContain("too long")
      expect(yield* workers.threads).toBe(before)
    })
  )

  it.effect("a missing module, a missing function and a value that cannot cross are typed errors", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const missing = yield* Effect.flip(workers.call({ module: new URL("./nowhere.ts", import.meta.url).href, name: "sum" }, []))
      const none = yield* Effect.flip(workers.call({ module: at("sum").module, name: "notAFunction" }, []))
      const value = yield* Effect.flip(workers.call(task("./probe.worker.ts", import.meta.url, "uncloneable"), []))
      const argument = yield* Effect.flip(workers.call({ module: at("sum").module, name: "sum" }, [() => 1]))
      for (const error of [missing, none, value, argument]) expect(error._tag).toBe("WorkerFailed")
      expect(none.message).toContain("notAFunction")
    })
  )

  it.effect("a thread that leaves is replaced", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const error = yield* Effect.flip(workers.call(task("./probe.worker.ts", import.meta.url, "leave"), [3]))
      expect(error.message).toContain("code 3")
      expect(yield* workers.call(task("./probe.worker.ts", import.meta.url, "sum"), [new Float32Array([2])])).toBe(2)
    })
  )

  it.effect("interrupting ends a busy loop, and the next call has a thread", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      for (let i = 0; i < 3; i++) {
        const fiber = yield* Effect.forkChild(workers.call(task("./probe.worker.ts", import.meta.url, "spin"), []))
        yield* Effect.sleep("60 millis")
        const before = yield* workers.threads
        yield* Fiber.interrupt(fiber)
        expect(yield* workers.threads).toBe(before - 1)
      }
      expect(yield* workers.call(task("./probe.worker.ts", import.meta.url, "sum"), [new Float32Array([2])])).toBe(2)
    })
  )
})

describe("Workers' life", () => {
  it("closing the layer ends threads and fails later calls", async () => {
    const workers = await Effect.runPromise(
      Effect.gen(function* () {
        const inside = yield* Workers
        yield* inside.call(task("./probe.worker.ts", import.meta.url, "sum"), [new Float32Array([2])])
        expect(yield* inside.threads).toBe(1)
        return inside
      }).pipe(Effect.provide(Workers.layer({ size: 1 })))
    )
    expect(await Effect.runPromise(workers.threads)).toBe(0)
    const error = await Effect.runPromise(Effect.flip(workers.call(task("./probe.worker.ts", import.meta.url, "sum"), [new Float32Array([2])])))
    expect(error.message).toContain("closed")
  })

  it("a program with a thread at rest ends by itself", async () => {
    const program = fileURLToPath(new URL("./rest.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 30_000 })
    expect(stdout.trim()).toBe("6")
  })
})
