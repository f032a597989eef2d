import { createHash } from "node:crypto"
import { mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { WeightsMismatch } from "../../src/core/errors.ts"
import { GraphBuilder, type WeightError } from "../../src/onnx/graph-builder.ts"
import { add, cast, fusedMatMul, gather, mul } from "../../src/onnx/ops.ts"
import { writeGraphs } from "../../src/onnx/write-graphs.ts"
import { halvesToFloats } from "../../src/tensor/half.ts"
import { decodeModel } from "./decode-model.ts"
import { expectClose, noise, runModel, whole } from "./run-graph.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sensorium-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const table = noise([11, 4], 1)
const tied = { name: "table", shape: [11, 4], load: Effect.succeed(table.data) }

/** Two graphs over one table: rows by token, and scores of rows against all tokens. */
const twoGraphs = (store: "float32" | "float16") => {
  const embed = new GraphBuilder("embed")
  embed.output("rows", gather(embed.weight({ ...tied, store }), embed.input("tokens", "int64", ["tokens"]), 0))
  const head = new GraphBuilder("head")
  const bias = head.weight({ name: "bias", shape: [11], load: Effect.succeed(noise([11], 2).data) })
  head.output("scores", add(fusedMatMul(head.input("rows", "float32", ["rows", 4]), head.weight({ ...tied, store }), { transB: true }), bias))
  return [embed, head]
}

/** A graph of one weight. */
const oneWeight = (load: Effect.Effect<Float32Array, WeightError>, shape: ReadonlyArray<number>, store: "float32" | "float16" = "float32") => {
  const graph = new GraphBuilder("one")
  graph.output("y", mul(graph.weight({ name: "w", shape, store, load }), 2))
  return graph
}

const openFilesIn = (path: string) =>
  Effect.promise(
    async () =>
      (await Promise.all((await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))).filter((target) =>
        target.startsWith(path)
      ).length
  )

describe("what is written", () => {
  for (const store of ["float32", "float16"] as const) {
    it.effect(`runs, and holds a weight of two graphs once, as ${store}`, () =>
      Effect.gen(function* () {
        const path = yield* folder
        yield* writeGraphs(path, twoGraphs(store))
        expect((yield* Effect.promise(() => readdir(path))).sort()).toEqual(["embed.onnx", "head.onnx", "weights.bin"])
        const models = yield* Effect.promise(() => Promise.all(["embed", "head"].map((name) => readFile(join(path, `${name}.onnx`)))))
        const [[shared], [bias, again]] = models.map((bytes) => decodeModel(bytes).initializers)
        expect([bias.name, again.name, shared.name]).toEqual(["/weight/bias", "/weight/table", "/weight/table"])
        expect(again).toEqual(shared)
        expect(shared.external).toEqual({ location: "weights.bin", offset: "0", length: String(44 * (store === "float32" ? 4 : 2)) })
        expect(bias.external.offset).toBe("4096")
        expect((yield* Effect.promise(() => stat(join(path, "weights.bin")))).size).toBe(4096 + 44)
        const stored =
          store === "float32"
            ? table.data
            : halvesToFloats(new Uint16Array((yield* Effect.promise(() => readFile(join(path, "weights.bin")))).buffer.slice(0, 88)))
        expectClose(stored, table.data, 1e-3)
        const { rows } = yield* Effect.promise(() => runModel(join(path, "embed.onnx"), { tokens: whole([3], 10, 0, 7) }))
        expect(rows.data).toEqual([10, 0, 7].flatMap((token) => Array.from(stored.slice(token * 4, token * 4 + 4))))
        const x = noise([2, 4], 3)
        const { scores } = yield* Effect.promise(() => runModel(join(path, "head.onnx"), { rows: x }))
        expectClose(
          scores.data,
          [0, 1].flatMap((row) =>
            Array.from({ length: 11 }, (_, token) =>
              [0, 1, 2, 3].reduce((total, k) => total + x.data[row * 4 + k] * stored[token * 4 + k], noise([11], 2).data[token])
            )
          )
        )
      }).pipe(Effect.scoped)
    )
  }

  it.effect("is every byte of a weight of many pieces, also of one that is stored in another type", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const large = noise([1000, 1001], 5)
      const bytes = Int8Array.from({ length: 3_000_001 }, (_, i) => ((i * 31) % 251) - 125)
      const graph = oneWeight(Effect.succeed(large.data), [1000, 1001])
      graph.output("z", cast(graph.stored({ name: "q", dtype: "int8", shape: [bytes.length], load: Effect.succeed(bytes) }), "int32"))
      yield* writeGraphs(path, [graph])
      const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex")
      const file = yield* Effect.promise(() => readFile(join(path, "weights.bin")))
      const start = Math.ceil(large.data.byteLength / 4096) * 4096
      expect(hash(file.subarray(0, large.data.byteLength))).toBe(hash(new Uint8Array(large.data.buffer)))
      expect(hash(file.subarray(start))).toBe(hash(new Uint8Array(bytes.buffer)))
      const { z } = yield* Effect.promise(() => runModel(join(path, "one.onnx"), {}))
      expect(z.data[2_999_999]).toBe(bytes[2_999_999])
    }).pipe(Effect.scoped)
  )

  it.effect("replaces what a broken run left", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.promise(() =>
        Promise.all([writeFile(join(path, "weights.bin"), "x".repeat(100_000)), writeFile(join(path, "one.onnx"), "junk".repeat(1000))])
      )
      yield* writeGraphs(path, [oneWeight(Effect.succeed(Float32Array.of(1, 2)), [2])])
      expect((yield* Effect.promise(() => runModel(join(path, "one.onnx"), {}))).y.data).toEqual([2, 4])
      expect((yield* Effect.promise(() => stat(join(path, "weights.bin")))).size).toBe(8)
    }).pipe(Effect.scoped)
  )

  it.effect("loads one weight at a time, and tells how far it is", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const events: Array<string> = []
      const graph = new GraphBuilder("g")
      for (const name of ["a", "b", "c"]) {
        const load = Effect.sync(() => {
          events.push(`load ${name}`)
          return new Float32Array(300_000)
        })
        graph.output(name, mul(graph.weight({ name, shape: [300_000], load }), 1))
      }
      yield* writeGraphs(path, [graph], (bytes, total) =>
        Effect.sync(() => {
          events.push(`${bytes} of ${total}`)
        })
      )
      const steps = (before: number) => [524288, 1048576, 1200000].map((bytes) => `${before + bytes} of 3600000`)
      expect(events).toEqual(["load a", ...steps(0), "load b", ...steps(1_200_000), "load c", ...steps(2_400_000)])
    }).pipe(Effect.scoped)
  )
})

describe("what goes wrong", () => {
  it.effect("a number beyond halves is named, not written as infinity", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const data = new Float32Array(300_000)
      data[262_150] = -65520
      const error = yield* Effect.flip(writeGraphs(path, [oneWeight(Effect.succeed(data), [300_000], "float16")]))
      expect(error).toBeInstanceOf(WeightsMismatch)
      expect(error.message).toBe("tensor w holds -65520 at element 262150, expected at most 65504 in float16: use fp32")
    }).pipe(Effect.scoped)
  )

  it.effect("an error of loading comes out as it is, and the file is closed", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const failure = new WeightsMismatch({ stage: "load", tensor: "w", found: "a", expected: "b", message: "c" })
      expect(yield* Effect.flip(writeGraphs(path, [oneWeight(Effect.fail(failure), [2])]))).toBe(failure)
      expect(yield* openFilesIn(path)).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.effect("a disk without room is told with figures", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.promise(() => symlink("/dev/full", join(path, "weights.bin")))
      const error = yield* Effect.flip(writeGraphs(path, [oneWeight(Effect.succeed(new Float32Array(1000)), [1000])]))
      expect([error._tag, error.stage]).toEqual(["CacheUnwritable", "compile"])
      expect(error.message).toMatch(/weights\.bin could not be written: no room is left \(4000 bytes are needed, \d+ bytes are free\)$/)
      expect(yield* openFilesIn("/dev/full")).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.effect("a folder that is a file, or inside one", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.promise(() => writeFile(join(path, "file"), ""))
      for (const place of ["file", "file/inside"]) {
        const error = yield* Effect.flip(writeGraphs(join(path, place), [oneWeight(Effect.succeed(new Float32Array(1)), [1])]))
        expect([error._tag, error.message.includes(join(path, place))]).toEqual(["CacheUnwritable", true])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a weight of another length than its shape, or of two lengths, is a mistake of the caller", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const dies = (graphs: ReadonlyArray<GraphBuilder>) =>
        writeGraphs(path, graphs).pipe(
          Effect.exit,
          Effect.map((exit) => (Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.pretty(exit.cause) : ""))
        )
      expect(yield* dies([oneWeight(Effect.succeed(new Float32Array(3)), [2])])).toContain("weight w: shape [2], but 3 elements were loaded")
      expect(yield* dies([oneWeight(Effect.succeed(new Float32Array(2)), [2]), oneWeight(Effect.succeed(new Float32Array(3)), [3])])).toContain(
        "weight w is [3] in graph one, and [2] in another one"
      )
    }).pipe(Effect.scoped)
  )

  it.effect("interrupted while a weight is loaded, it closes its file", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(writeGraphs(path, [oneWeight(Deferred.succeed(begun, undefined).pipe(Effect.andThen(Effect.never)), [2])]))
      yield* Deferred.await(begun)
      expect(yield* openFilesIn(path)).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(yield* openFilesIn(path)).toBe(0)
    }).pipe(Effect.scoped)
  )
})
