import { createHash } from "node:crypto"
import { Effect, Schema, type Scope } from "effect"
import { CheckpointUnreadable, type WeightsMismatch } from "../core/errors.ts"
import type { Checkpoint, TensorEntry } from "./checkpoint.ts"
import { decodeConfig, flag } from "./config-fields.ts"
import { contentIdOf } from "./content-id.ts"
import { isFile } from "./file-bytes.ts"
import { openSafetensors } from "./safetensors-file.ts"

/** A LoRA set beside a checkpoint, in a folder of its own, as PEFT saves it. */
export interface AdapterFolder {
  /** Under which its tensors are found: `<matrix>.lora_A.<name>.weight`. */
  readonly name: string
  /** Inside the checkpoint's folder. */
  readonly folder: string
}

/** Rank and scale of a LoRA set. */
export interface AdapterFigures {
  readonly name: string
  readonly rank: number
  readonly scale: number
}

/** A checkpoint with the tensors of its adapters. */
export interface AdaptedCheckpoint {
  readonly checkpoint: Checkpoint
  readonly adapters: ReadonlyArray<AdapterFigures>
}

const Config = Schema.Struct({ r: Schema.Int, lora_alpha: Schema.Finite, use_rslora: flag(false), use_dora: flag(false) })
const SETTINGS = "adapter_config.json"
const WEIGHTS = "adapter_model.safetensors"

/** How adapters are opened. */
export interface AdapterOptions {
  /** Settings without weights will do: the adapter then has its figures and no tensors. Default false. */
  readonly weightsOptional?: boolean
}

/** PEFT's name of a tensor as that of the matrix it belongs to, and which half it is. */
const placeOf = (name: string) => /^base_model\.model\.(.*)\.lora_([AB])\.weight$/.exec(name)

/**
 * Adds the adapters whose folders are there (PEFT's `adapter_config.json` and `adapter_model.safetensors`); their files stay open until the scope closes, and are part
 * of the checkpoint's identity. Fails with `CheckpointUnreadable` for a file that is broken, or an adapter that is no plain LoRA.
 */
export const withAdapters = (
  checkpoint: Checkpoint,
  folders: ReadonlyArray<AdapterFolder>,
  { weightsOptional = false }: AdapterOptions = {}
): Effect.Effect<AdaptedCheckpoint, CheckpointUnreadable, Scope.Scope> =>
  Effect.gen(function* () {
    const tensors = new Map<string, TensorEntry>(checkpoint.tensors)
    const readers = new Map<string, (from?: number, to?: number) => Effect.Effect<Float32Array, CheckpointUnreadable | WeightsMismatch>>()
    const adapters: Array<AdapterFigures> = []
    const files: Array<string> = []
    for (const { folder, name } of folders) {
      const settings = yield* checkpoint.json(`${folder}/${SETTINGS}`)
      if (settings === undefined) continue
      const path = `${checkpoint.folder}/${folder}/${SETTINGS}`
      const refuse = (why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${why}` })
      const { lora_alpha, r, use_dora, use_rslora } = yield* decodeConfig(Config, settings, path)
      if (use_dora) return yield* refuse("use_dora is true; plain LoRA is run here")
      if (r < 1) return yield* refuse(`r is ${r}`)
      const weights = `${checkpoint.folder}/${folder}/${WEIGHTS}`
      adapters.push({ name, rank: r, scale: lora_alpha / (use_rslora ? Math.sqrt(r) : r) })
      files.push(`${folder}/${SETTINGS}`)
      if (weightsOptional && !(yield* isFile(weights))) continue
      files.push(`${folder}/${WEIGHTS}`)
      const file = yield* openSafetensors(weights)
      for (const [own, entry] of file.tensors) {
        const place = placeOf(own)
        if (place === null) return yield* refuse(`${WEIGHTS} holds ${own}, which is no matrix of a LoRA`)
        const full = `${place[1]}.lora_${place[2]}.${name}.weight`
        tensors.set(full, entry)
        readers.set(full, (from, to) => file.floats(own, from, to))
      }
    }
    if (adapters.length === 0) return { checkpoint, adapters }
    return {
      adapters,
      checkpoint: {
        ...checkpoint,
        tensors,
        read: (name) => readers.get(name)?.() ?? checkpoint.read(name),
        readRows: (name, from, to) => readers.get(name)?.(from, to) ?? checkpoint.readRows(name, from, to),
        contentId: yield* Effect.cached(
          Effect.map(Effect.all([checkpoint.contentId, contentIdOf(checkpoint.folder, files)]), (ids) =>
            createHash("sha256").update(ids.join("\n")).digest("hex")
          )
        )
      }
    }
  })
