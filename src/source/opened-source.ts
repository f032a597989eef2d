import type { Effect } from "effect"
import type { LimitExceeded, OpenError, SourceUnreadable } from "../core/errors.ts"
import type { Ffmpeg } from "./ffmpeg.ts"
import type { ProbedStreams } from "./stream-info.ts"
import type { SourceKind } from "./sniff.ts"

/** A source that is open: what its first bytes say, and ways to read the rest, as often as one likes, while its scope lives. */
export interface OpenedSource {
  /** For messages: file name, address, or what the bytes are. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** The first 64 KiB, or all when it is shorter. */
  readonly head: Uint8Array
  /** What the first bytes say, whatever the name says. */
  readonly kind: SourceKind
  /** Changes when the content may have: SHA-256 of the bytes, or of a file's path, size and modification time. */
  readonly contentId: string
  /** A local file: the path itself, or a temporary that lives as long as the scope. */
  readonly path: Effect.Effect<string, SourceUnreadable | LimitExceeded>
  /** The whole content, bounded by `SourceLimits.maxBytesInMemory`. */
  readonly bytes: Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded>
  /** The streams inside a container, asked for once. Fails with `UnsupportedMedia` where the source is no container. */
  readonly streams: Effect.Effect<ProbedStreams, OpenError, Ffmpeg>
}
