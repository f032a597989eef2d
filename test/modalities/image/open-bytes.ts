import { Effect, type Scope } from "effect"
import type { OpenError } from "../../../src/core/errors.ts"
import type { MediaRef } from "../../../src/core/source.ts"
import { openSource } from "../../../src/source/open-source.ts"
import type { Workers } from "../../../src/worker/workers.ts"
import type { ImageMedia } from "../../../modalities/image/image-media.ts"
import { openImage } from "../../../modalities/image/open-image.ts"

/** Opens a picture that is in memory. */
export const openBytes = (bytes: Uint8Array, options: MediaRef["options"] = {}): Effect.Effect<ImageMedia, OpenError, Scope.Scope | Workers> =>
  Effect.flatMap(openSource({ _tag: "Bytes", bytes }), (opened) => openImage(opened, options))
