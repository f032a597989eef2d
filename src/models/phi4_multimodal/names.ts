import type { Checkpoint } from "../../checkpoint/checkpoint.ts"

/** Where a checkpoint keeps what its two layouts name differently. */
export interface PhiNames {
  /** What stands behind the name of an adapted matrix. */
  readonly base: string
  /** Within `model.embed_tokens_extend.image_embed`. */
  readonly image: { readonly up: string; readonly down: string; readonly rowEnd: string; readonly border: string }
  /** Within `model.embed_tokens_extend.audio_embed`: two layers for each projection. */
  readonly projections: Readonly<Record<Projection, readonly [up: string, down: string]>>
  /** Within a layer of the audio encoder. */
  readonly audio: { readonly gateUp: string; readonly down: string; readonly attention: Readonly<Record<"q" | "k" | "v" | "out", string>> }
}

/** How sound is projected: for itself, or beside a picture. */
export type Projection = "speech" | "vision"

/** As microsoft/Phi-4-multimodal-instruct has them: LoRA sets among the weights. */
const published: PhiNames = {
  base: ".base_layer",
  image: { up: "img_projection.0", down: "img_projection.2", rowEnd: "sub_GN", border: "glb_GN" },
  projections: { speech: ["audio_projection.speech.0", "audio_projection.speech.2"], vision: ["audio_projection.vision.0", "audio_projection.vision.2"] },
  audio: { gateUp: "net.0.linear", down: "net.2", attention: { q: "linear_q", k: "linear_k", v: "linear_v", out: "linear_out" } }
}

/** As transformers names its modules: LoRA sets in folders of their own. */
const transformers: PhiNames = {
  base: "",
  image: { up: "img_projection_up", down: "img_projection_down", rowEnd: "sub_img_feature_extensor", border: "global_img_feature_extensor" },
  projections: { speech: ["up_proj_for_speech", "down_proj_for_speech"], vision: ["up_proj_for_vision_speech", "down_proj_for_vision_speech"] },
  audio: { gateUp: "gate_up_proj", down: "down_proj", attention: { q: "q_proj", k: "k_proj", v: "v_proj", out: "o_proj" } }
}

/** Prefix of the parts that see and hear. */
export const EXTEND = "model.embed_tokens_extend"

/** The layout of a checkpoint, by its tensors; without any (opened to plan only), by its `model_type`. */
export const namesOf = ({ config, tensors }: Checkpoint): PhiNames => {
  const isPublished = tensors.size === 0 ? config.model_type === "phi4mm" : tensors.has(`${EXTEND}.image_embed.${published.image.border}`)
  return isPublished ? published : transformers
}
