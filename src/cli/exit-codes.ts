import type { SensoriumError } from "../core/errors.ts"

/** Exit codes of the command, all under 128. Ctrl-C ends with 130, as a shell expects. */
export const exitCodes = {
  done: 0,
  /** `verify` found a case that falls short of its reference. */
  fellShort: 1,
  /** An option or argument that is unknown, missing or out of range. */
  usage: 2,
  /** A medium cannot be read, is of no known kind, or lies where it must not be read. */
  media: 3,
  /** A prompt or a medium passes a bound: the context, pixels, seconds, bytes. */
  tooLarge: 4,
  /** A checkpoint cannot be read, is of no known family, or its weights do not fit; kept rows of another encoder. */
  model: 5,
  /** Something of the machine: ffmpeg, disk, ONNX Runtime. */
  machine: 6,
  /** A mistake in Sensorium itself. */
  internal: 70
} as const

const codeOfTag: Partial<Record<SensoriumError["_tag"], number>> = {
  OptionInvalid: exitCodes.usage,
  SourceUnreadable: exitCodes.media,
  AddressRefused: exitCodes.media,
  UnsupportedMedia: exitCodes.media,
  RowsDiffer: exitCodes.media,
  LimitExceeded: exitCodes.tooLarge,
  ContextOverflow: exitCodes.tooLarge,
  CheckpointUnreadable: exitCodes.model,
  ModelUnknown: exitCodes.model,
  WeightsMismatch: exitCodes.model,
  PlanMismatch: exitCodes.model,
  ProducerUnfit: exitCodes.model
}

/** The exit code of an error; what names no other reason is the machine's: ffmpeg, disk, ONNX Runtime, a worker. */
export const exitCodeOf = (error: SensoriumError): number => codeOfTag[error._tag] ?? exitCodes.machine
