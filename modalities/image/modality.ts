import { Effect } from "effect"
import type { ModalityModule } from "../../src/source/modality.ts"
import type { Workers } from "../../src/worker/workers.ts"
import { openImage } from "./open-image.ts"

/** Still pictures; one that moves is a film. */
export const modality: ModalityModule<Workers> = {
  name: "image",
  detects: ({ kind }) => Effect.succeed(kind._tag === "Image" && !kind.moving),
  open: openImage
}
