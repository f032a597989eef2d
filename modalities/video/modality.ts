import { Effect } from "effect"
import type { Ffmpeg } from "../../src/source/ffmpeg.ts"
import type { ModalityModule } from "../../src/source/modality.ts"
import { openSoundTrack } from "../audio/open-audio.ts"
import { openVideo } from "./video-media.ts"

/** Clips: films with pictures, and pictures that move. Their sound comes with them, as a track. */
export const modality: ModalityModule<Ffmpeg> = {
  name: "video",
  detects: (opened) => {
    const { kind } = opened
    if (kind._tag === "Image") return Effect.succeed(kind.moving)
    // A wav holds no pictures, and need not wait for ffmpeg to say so.
    return kind._tag !== "Container" || kind.format === "wav" ? Effect.succeed(false) : Effect.map(opened.streams, ({ video }) => video !== undefined)
  },
  open: (opened, options) => openVideo(opened, options, openSoundTrack)
}
