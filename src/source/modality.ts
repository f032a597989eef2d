import type { Effect, Scope } from "effect"
import type { OpenError } from "../core/errors.ts"
import type { Media, MediaRef } from "../core/source.ts"
import type { OpenedSource } from "./opened-source.ts"

/** What a folder under `modalities/` exports as `modality`. `R`: the services that opening it needs. */
export interface ModalityModule<out R = never> {
  /** "image", "audio", "video": an open word. */
  readonly name: string
  /** Whether a source that nobody named is of this modality, by its content. At most one modality says yes to a source. */
  readonly detects: (opened: OpenedSource) => Effect.Effect<boolean, OpenError, R>
  /** The medium in an opened source; `options` are the modality's own. The scope is the source's. */
  readonly open: (opened: OpenedSource, options: MediaRef["options"]) => Effect.Effect<Media, OpenError, Scope.Scope | R>
}
