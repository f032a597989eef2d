import { Effect } from "effect"
import { tiledPictures } from "../../../modalities/image/fixed-tiles.ts"
import { pictureLevel } from "../../../modalities/image/picture-processor.ts"
import { clipSquares, readSquareProcessor, squarePicture } from "../../../modalities/image/square-processor.ts"
import { ModelCache } from "../../cache/model-cache.ts"
import { openClipTower } from "../../compile/blocks/clip-tower.ts"
import { clipStates } from "../../compile/blocks/clip-vision.ts"
import { llamaAttention, llamaDefaults, llamaGraphs, llamaShape, parseLlama } from "../../compile/blocks/llama-decoder.ts"
import { tileEncoder } from "../../compile/blocks/tile-encoder.ts"
import type { GraphSource } from "../../compile/compile.ts"
import { CheckpointUnreadable } from "../../core/errors.ts"
import { oneAxis } from "../../core/position-assigner.ts"
import { slice } from "../../onnx/ops.ts"
import { openChat } from "../../session/checkpoint-text.ts"
import * as Decoder from "../../session/decoder.ts"
import type { FamilyModule } from "../../session/family-module.ts"
import { mediaSegment } from "../../session/media-segment.ts"
import { openGraphs } from "../../session/open-graphs.ts"
import { openedModel } from "../../session/opened-model.ts"
import { placeholderPlanner } from "../../session/placeholder-planner.ts"
import { vicunaTemplate } from "../../text/vicuna-template.ts"
import { Workers } from "../../worker/workers.ts"
import { ldp, ldpV2 } from "./projectors.ts"

/** What the published code writes for a picture in a prompt that is tokenized already (`IMAGE_TOKEN_INDEX`). */
const PICTURE = -200

/** MobileVLM and MobileVLM V2: CLIP from a checkpoint of its own, few rows a picture, a LLaMA decoder (Meituan-AutoML/MobileVLM). */
export const family: FamilyModule = {
  modelTypes: ["mobilevlm"],
  card: { slicing: "one fixed size", projector: "LDP and LDPv2: depthwise, a quarter of the rows", positions: "one axis" },
  open: (folder, options) =>
    Effect.gen(function* () {
      const path = `${folder.folder}/config.json`
      const text = yield* parseLlama(folder.config, llamaDefaults, path)
      const {
        after,
        checkpoint,
        config: vision,
        fields,
        prefix,
        processor: file,
        processorPath,
        skipped
      } = yield* openClipTower(folder, (yield* ModelCache).hashes, options.planOnly)
      const { image_aspect_ratio, mm_projector_type: type, mm_vision_select_feature: feature } = fields
      const refuse = (field: string, why: string) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${field} ${why}` })
      if (!type.startsWith("ldpnet")) return yield* refuse("mm_projector_type", `is ${type}; ldpnet and ldpnetv2 are run here`)
      if (feature !== "patch") return yield* refuse("mm_vision_select_feature", `is ${feature}; a projector over planes takes patches alone`)
      const projector = type.startsWith("ldpnetv2") ? ldpV2 : ldp
      const processor = yield* readSquareProcessor(file, processorPath, clipSquares, vision.image_size)
      const chat = yield* openChat(checkpoint, { stops: ["</s>"], template: vicunaTemplate })
      const { template, tokenizer } = chat

      const { hidden_size: width, image_size: side, num_channels: channels } = vision
      const across = Math.floor(side / vision.patch_size)
      const tied = text.tied === true || !checkpoint.tensors.has("lm_head.weight")
      const sources: ReadonlyArray<GraphSource> = [
        ...llamaGraphs(text, { model: "model", head: "lm_head", tied, qkvBias: false }),
        {
          name: "vision",
          build: (graph, weights) => {
            const [hidden] = clipStates(graph.input("pixels", "float32", ["tiles", channels, side, side]), weights.at(prefix), vision, [after])
            const patches = slice(hidden, { axis: 1, from: 1, to: Number.MAX_SAFE_INTEGER })
            graph.output("embeddings", projector.project(patches, weights.at("model.mm_projector"), across, width, text.width))
          }
        }
      ]
      const { graphs, key } = yield* openGraphs(checkpoint, options, sources, (name) => skipped(name) || (tied && name === "lm_head.weight"))

      const encoder = tileEncoder({ side, channels, patches: across ** 2, rows: projector.rowsAcross(across) ** 2, width: text.width }, graphs.vision)
      const producers = [
        ...options.producers,
        tiledPictures({
          id: key,
          width: text.width,
          workers: yield* Workers,
          encoder,
          reads: { alpha: "dropped" },
          alone: true,
          cut: (media) => Effect.map(squarePicture(media, processor, image_aspect_ratio === "pad"), (recipe) => ({ recipe, tiles: [undefined] }))
        })
      ]
      return openedModel({
        checkpoint,
        chat,
        modelType: "mobilevlm",
        producers,
        planner: placeholderPlanner({
          tokenizer,
          template,
          producers,
          // The template knows no pictures: each stands where its part is, a line break behind it (scripts/inference.py), and what follows is tokenized alone.
          placeholders: {},
          partsOnly: true,
          around: true,
          callAfterMedia: true,
          bringsMarkers: ([first]) => first?.plan.modality === "image",
          place: (layout, media) => media.forEach(({ index, plan }) => layout.segment(mediaSegment(plan, index)).text("\n"))
        }),
        positions: oneAxis,
        attention: [llamaAttention(text)],
        queryHeads: text.heads,
        decoder: Decoder.make(llamaShape(text), { embed: graphs.embed, decoder: graphs.decoder }),
        contextRows: text.maxPositions,
        // As scripts/inference.py, whose temperature 0 means greedy.
        answers: { maxTokens: 512 },
        reference: { placeholder: () => PICTURE, pictureLevel: pictureLevel(processor.normalization) }
      })
    })
}
