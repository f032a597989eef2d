import { type Effect, Schema } from "effect"
import { Qwen2VlTextConfig, qwenVlFields, readQwen2VlConfig } from "../../compile/blocks/qwen-vl-config.ts"
import { WindowedVisionConfig } from "../../compile/blocks/windowed-vision.ts"
import type { CheckpointUnreadable } from "../../core/errors.ts"

/** config.json of a Qwen2.5-VL checkpoint. Defaults are those of transformers' Qwen2_5_VLConfig. */
const Qwen25VlConfig = Schema.Struct({ text_config: Qwen2VlTextConfig, vision_config: WindowedVisionConfig, ...qwenVlFields })

/** The configuration, read. */
export type Qwen25VlConfig = typeof Qwen25VlConfig.Type

/** Reads it, the decoder's fields among the others (as published) or in `text_config`. Fails with `CheckpointUnreadable` that names the field. */
export const parseConfig = (config: Readonly<Record<string, unknown>>, path: string): Effect.Effect<Qwen25VlConfig, CheckpointUnreadable> =>
  readQwen2VlConfig(Qwen25VlConfig, config, path)
