import { Context } from "effect"

/** Bounds on what is read from outside, so that no source can fill memory, disk or time. */
export interface SourceLimits {
  /** Bytes of a download or a byte stream, kept on disk at most. */
  readonly maxBytes: number
  /** Bytes held in memory at once, where a reader wants the whole file. */
  readonly maxBytesInMemory: number
  /** A download or a byte stream up to this size stays in memory; beyond it goes to a temporary file. */
  readonly spoolInMemory: number
  /** Pixels of one picture, width x height, read from its header. */
  readonly maxPixels: number
  /** Pixels of one frame of a clip, width x height. */
  readonly maxFramePixels: number
  /** Redirects followed for one address. */
  readonly maxRedirects: number
  /** Milliseconds until an address has answered with its head. */
  readonly connectMs: number
  /** Milliseconds for the whole of a download. */
  readonly downloadMs: number
  /** Milliseconds a byte stream or a download may give nothing. */
  readonly idleMs: number
  /** Reads loopback and private addresses too: for one's own servers, never for addresses that others chose. */
  readonly allowPrivateAddresses: boolean
  /** Folder of temporary files; the system's own when absent. */
  readonly temporaryFolder?: string
}

/** The bounds when nothing is set. */
export const defaultSourceLimits: SourceLimits = {
  maxBytes: 4 * 1024 ** 3,
  maxBytesInMemory: 512 * 1024 ** 2,
  spoolInMemory: 4 * 1024 ** 2,
  maxPixels: 268_402_689,
  maxFramePixels: 67_108_864,
  maxRedirects: 5,
  connectMs: 20_000,
  downloadMs: 900_000,
  idleMs: 60_000,
  allowPrivateAddresses: false
}

/** The bounds in force. Change them with `Effect.provideService(CurrentSourceLimits, { ...defaultSourceLimits, maxBytes })`, or a layer. */
export const CurrentSourceLimits = Context.Reference<SourceLimits>("sensorium/source/SourceLimits", { defaultValue: () => defaultSourceLimits })
