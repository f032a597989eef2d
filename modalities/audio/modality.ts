import { Effect } from "effect"
import type { Ffmpeg } from "../../src/source/ffmpeg.ts"
import type { ModalityModule } from "../../src/source/modality.ts"
import { openAudio } from "./open-audio.ts"

/** Recordings; a film without pictures is one. */
export const modality: ModalityModule<Ffmpeg> = {
  name: "audio",
  detects: (opened) =>
    opened.kind._tag !== "Container"
      ? Effect.succeed(false)
      : // A plain wav needs no ffmpeg to be known.
        opened.kind.format === "wav"
        ? Effect.succeed(true)
        : Effect.map(opened.streams, ({ audio, video }) => video === undefined && audio !== undefined),
  open: openAudio
}
