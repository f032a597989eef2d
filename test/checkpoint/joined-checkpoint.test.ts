import { cp, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts"
import { joinCheckpoints, siblingFolder } from "../../src/checkpoint/joined-checkpoint.ts"
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts"
import { float32 } from "../../src/tensor/tensor.ts"
import { temporaryFolder, write } from "./folders.ts"

const tensors = (value: number) => ({ "part.a": float32([2, 1], Float32Array.of(value, value + 1)), other: float32([1], Float32Array.of(9)) })

/** Two checkpoints side by side: `model` and `tower`. */
const pair = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  for (const [name, value] of [
    ["model", 1],
    ["tower", 5]
  ] as const) {
    yield* Effect.promise(() => mkdir(join(folder, name)))
    yield* write(folder, `${name}/config.json`, JSON.stringify({ name }))
    yield* writeSafetensors(join(folder, name, "model.safetensors"), tensors(value))
  }
  return folder
})

describe("a second checkpoint", () => {
  it.effect("is found by its last path component, beside the first or inside", () =>
    Effect.gen(function* () {
      const folder = yield* pair
      const model = yield* openCheckpoint(join(folder, "model"))
      for (const name of ["tower", "./pretrained/tower", "org/tower", "/away/tower/"])
        expect(yield* siblingFolder(model, name, "field")).toBe(join(folder, "tower"))
      yield* Effect.promise(() => cp(join(folder, "tower"), join(folder, "model/tower"), { recursive: true }))
      expect(yield* siblingFolder(model, "org/tower", "field")).toBe(join(folder, "model/tower"))
    }).pipe(Effect.scoped)
  )

  it.effect("that is nowhere, or has no name, is refused with where it was looked for", () =>
    Effect.gen(function* () {
      const folder = yield* pair
      const model = yield* openCheckpoint(join(folder, "model"))
      const missing = yield* Effect.flip(siblingFolder(model, "org/other", "mm_vision_tower"))
      expect(missing).toMatchObject({ _tag: "CheckpointUnreadable", path: join(folder, "other") })
      for (const part of ["mm_vision_tower", "org/other", join(folder, "model/other"), join(folder, "other")]) expect(missing.message).toContain(part)
      for (const name of ["", ".", "..", "a/.."]) expect((yield* Effect.flip(siblingFolder(model, name, "field"))).message).toContain("names no folder")
    }).pipe(Effect.scoped)
  )
})

describe("two checkpoints as one", () => {
  it.effect("have both their tensors, of the second those that are taken, under its prefix", () =>
    Effect.gen(function* () {
      const folder = yield* pair
      const [model, tower] = [yield* openCheckpoint(join(folder, "model")), yield* openCheckpoint(join(folder, "tower"))]
      const joined = yield* joinCheckpoints(model, tower, "tower/", (name) => name.startsWith("part."))
      expect([...joined.tensors.keys()].sort()).toEqual(["other", "part.a", "tower/part.a"])
      expect(yield* joined.read("part.a")).toEqual(Float32Array.of(1, 2))
      expect(yield* joined.read("tower/part.a")).toEqual(Float32Array.of(5, 6))
      expect(yield* joined.readRows("tower/part.a", 1, 2)).toEqual(Float32Array.of(6))
      expect(joined.config).toEqual({ name: "model" })
      expect((yield* Effect.flip(joined.read("tower/other")))._tag).toBe("WeightsMismatch")
    }).pipe(Effect.scoped)
  )

  it.effect("are another content than either, and than one beside a changed second", () =>
    Effect.gen(function* () {
      const folder = yield* pair
      const identity = Effect.gen(function* () {
        const [model, tower] = [yield* openCheckpoint(join(folder, "model")), yield* openCheckpoint(join(folder, "tower"))]
        const joined = yield* joinCheckpoints(model, tower, "tower/", () => true)
        return [yield* model.contentId, yield* tower.contentId, yield* joined.contentId]
      })
      const before = yield* identity
      expect(new Set(before).size).toBe(3)
      yield* write(folder, "tower/preprocessor_config.json", "{}")
      const after = yield* identity
      expect(after[0]).toBe(before[0])
      expect(after[2]).not.toBe(before[2])
    }).pipe(Effect.scoped)
  )

  it.effect("a checkpoint without weight files may be opened for its settings alone", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* write(folder, "config.json", '{"model_type":"clip"}')
      expect((yield* Effect.flip(openCheckpoint(folder)))._tag).toBe("CheckpointUnreadable")
      const settings = yield* openCheckpoint(folder, { weights: false })
      expect([settings.tensors.size, settings.config.model_type]).toEqual([0, "clip"])
    }).pipe(Effect.scoped)
  )
})
