import { basename } from "node:path"
import { Effect, Schema, type Scope } from "effect"
import { type Checkpoint, openCheckpoint } from "../../checkpoint/checkpoint.ts"
import { decodeConfig, flag, int, record } from "../../checkpoint/config-fields.ts"
import { joinCheckpoints, siblingFolder } from "../../checkpoint/joined-checkpoint.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { clipConfig, type ClipConfig, clipDefaults } from "./clip-vision.ts"

const Fields = Schema.Struct({
  mm_vision_tower: Schema.String,
  mm_hidden_size: Schema.Int,
  mm_projector_type: Schema.String,
  mm_vision_select_layer: int(-2),
  mm_vision_select_feature: Schema.Literals(["patch", "cls_patch"]).pipe(Schema.withDecodingDefault(Effect.succeed("patch" as const))),
  mm_use_im_start_end: flag(false),
  image_aspect_ratio: Schema.optional(Schema.NullOr(Schema.String))
})

/** The CLIP encoder of a model that was trained with the code of LLaVA or made from it: its settings, and mostly its weights, stand in a checkpoint of their own. */
export interface ClipTower {
  /** The decoder's checkpoint, with the encoder's tensors where it lacks them. */
  readonly checkpoint: Checkpoint
  readonly config: ClipConfig
  /** Prefix of the encoder's tensors. */
  readonly prefix: string
  /** After how many layers hidden rows are taken. */
  readonly after: number
  /** The processor's file. */
  readonly processor: Readonly<Record<string, unknown>>
  /** For messages about it. */
  readonly processorPath: string
  readonly fields: typeof Fields.Type
  /** Tensors of the encoder that nothing reads. */
  readonly skipped: (name: string) => boolean
}

/** Where the decoder's checkpoint keeps an encoder that was trained on. */
const OWN = "model.vision_tower.vision_tower.vision_model"

/**
 * Opens the encoder that `mm_vision_tower` names (`build_vision_tower`, `CLIPVisionTower`). `hashes`: see `CheckpointOptions`; `planOnly`: without weight files too. Fails with `CheckpointUnreadable` that
 * names the field or the folder.
 */
export const openClipTower = (checkpoint: Checkpoint, hashes: string, planOnly: boolean): Effect.Effect<ClipTower, CheckpointUnreadable, Scope.Scope> =>
  Effect.gen(function* () {
    const path = `${checkpoint.folder}/config.json`
    const fields = yield* decodeConfig(Fields, checkpoint.config, path)
    const folder = yield* siblingFolder(checkpoint, fields.mm_vision_tower, "mm_vision_tower")
    const own = checkpoint.tensors.has(`${OWN}.embeddings.patch_embedding.weight`)
    const tower = yield* openCheckpoint(folder, { hashes, weights: own ? false : planOnly ? "optional" : true })
    const config = yield* decodeConfig(clipConfig(clipDefaults), record(tower.config.vision_config ?? tower.config), `${folder}/config.json`)
    const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
    if (config.hidden_size !== fields.mm_hidden_size)
      return yield* refuse("mm_hidden_size", `is ${fields.mm_hidden_size}; the encoder at ${folder} has ${config.hidden_size}`)
    if (fields.mm_use_im_start_end)
      return yield* refuse("mm_use_im_start_end", "is true; no published checkpoint has markers around pictures, and they are not laid out here")
    const { mm_vision_select_layer: layer } = fields
    const after = layer < 0 ? config.num_hidden_layers + 1 + layer : layer
    if (after < 0 || after > config.num_hidden_layers)
      return yield* refuse("mm_vision_select_layer", `is ${layer}; the encoder has ${config.num_hidden_layers} layers`)
    const name = `${basename(folder)}/`
    const prefix = own ? OWN : `${name}vision_model`
    return {
      checkpoint: yield* joinCheckpoints(checkpoint, tower, name, (tensor) => tensor.startsWith("vision_model.")),
      config,
      prefix,
      after,
      fields,
      processor: record(yield* tower.json("preprocessor_config.json")),
      processorPath: `${folder}/preprocessor_config.json`,
      skipped: (tensor) => {
        if (!tensor.startsWith(`${prefix}.`)) return tensor.endsWith(".rotary_emb.inv_freq")
        const rest = tensor.slice(prefix.length + 1)
        const [, number] = /^encoder\.layers\.(\d+)\./.exec(rest) ?? []
        return number === undefined ? /^(post_layernorm\.|embeddings\.position_ids$)/.test(rest) : Number(number) >= after
      }
    }
  })
