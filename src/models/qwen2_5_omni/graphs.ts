import { qwenDecoderGraphs } from "../../compile/blocks/qwen-decoder.ts"
import type { RotaryVisionSpec } from "../../compile/blocks/rotary-vision.ts"
import { windowedVisionGraphs } from "../../compile/blocks/windowed-vision.ts"
import type { GraphSource } from "../../compile/compile.ts"
import { audioEncoder, audioProjector } from "./audio-graphs.ts"
import type { OmniConfig } from "./config.ts"

/** The Thinker's graphs. `prefix`: `thinker.` in a whole Omni checkpoint, empty where it was saved alone; `tied`: the token table is the head. */
export const graphsOf = (config: OmniConfig, vision: RotaryVisionSpec, prefix: string, tied: boolean): ReadonlyArray<GraphSource> => [
  ...qwenDecoderGraphs(config.text_config, { model: `${prefix}model`, head: `${prefix}lm_head`, tied, qkvBias: true, headNorms: false, levels: 0 }),
  ...windowedVisionGraphs(config.vision_config, vision, `${prefix}visual`),
  { name: "audio", build: (graph, weights) => audioEncoder(graph, weights.at(`${prefix}audio_tower`), config.audio_config) },
  { name: "audio_projector", build: (graph, weights) => audioProjector(graph, weights.at(`${prefix}audio_tower`), config.audio_config) }
]
