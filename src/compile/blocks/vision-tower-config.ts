import { Schema } from "effect"
import { int, number, text } from "../../checkpoint/config-fields.ts"
import { activations } from "./feed-forward.ts"
import type { VisionTransformerSpec } from "./vision-transformer.ts"

/** What a CLIP or SigLIP encoder's configuration means where config.json does not say. */
export interface VisionTowerDefaults {
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly image_size: number
  readonly patch_size: number
}

/** `vision_config` of an encoder whose layers are those of a plain vision transformer. `otherwise`: its kind's own activation and epsilon. */
export const visionTowerConfig = (defaults: VisionTowerDefaults, otherwise: { readonly activation: string; readonly epsilon: number }) =>
  Schema.Struct({
    hidden_size: int(defaults.hidden_size),
    intermediate_size: int(defaults.intermediate_size),
    num_hidden_layers: int(defaults.num_hidden_layers),
    num_attention_heads: int(defaults.num_attention_heads),
    num_channels: int(3).check(Schema.makeFilter((channels) => channels === 3 || "3 channels are read")),
    image_size: int(defaults.image_size),
    patch_size: int(defaults.patch_size),
    hidden_act: text(otherwise.activation).check(Schema.makeFilter((name) => name in activations || `${name} is no activation that is known here`)),
    layer_norm_eps: number(otherwise.epsilon)
  }).check(
    Schema.makeFilter(({ hidden_size, image_size, num_attention_heads, patch_size }) =>
      patch_size < 1 || image_size < patch_size
        ? `image_size is ${image_size}, patch_size ${patch_size}`
        : num_attention_heads < 1 || hidden_size % num_attention_heads !== 0
          ? `hidden_size ${hidden_size} is no multiple of ${num_attention_heads} heads`
          : true
    )
  )

/** An encoder's configuration, read. */
export type VisionTowerConfig = ReturnType<typeof visionTowerConfig>["Type"]

/** The layers' form. */
export const visionTowerLayers = (config: VisionTowerConfig): VisionTransformerSpec => ({
  width: config.hidden_size,
  heads: config.num_attention_heads,
  inner: config.intermediate_size,
  epsilon: config.layer_norm_eps,
  activation: activations[config.hidden_act]
})
