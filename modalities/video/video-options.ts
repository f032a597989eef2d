import { Effect } from "effect"
import { OptionInvalid } from "../../src/core/errors.ts"
import type { MediaRef } from "../../src/core/source.ts"

/** The options of a clip that this modality itself reads. Others (a family's pixel bounds) are left to the producers. */
export interface VideoOptions {
  /** Frames a second to look at; the family's own default when absent. */
  readonly fps?: number
  /** Seconds from the first frame: only frames from here on. */
  readonly start?: number
  /** Seconds from the first frame: only frames up to here. */
  readonly end?: number
  /** Most frames. */
  readonly maxFrames?: number
  /** Whether the clip's sound is opened too. Default true. */
  readonly sound?: boolean
}

const invalid = (option: string, why: string): Effect.Effect<never, OptionInvalid> =>
  Effect.fail(new OptionInvalid({ stage: "open", option, message: `the option ${option} ${why}` }))

/** Checks a clip's options. Fails with `OptionInvalid`. */
export const readVideoOptions = Effect.fnUntraced(function* (options: MediaRef["options"]): Effect.fn.Return<VideoOptions, OptionInvalid> {
  const { sound } = options
  const numbers: { fps?: number; start?: number; end?: number; maxFrames?: number } = {}
  for (const option of ["fps", "start", "end", "maxFrames"] as const) {
    const value = options[option]
    if (value === undefined) continue
    if (typeof value !== "number" || !Number.isFinite(value)) return yield* invalid(option, `is a number, not ${String(value)}`)
    if (value < 0 || (option !== "start" && value === 0)) return yield* invalid(option, `is above 0, not ${value}`)
    if (option === "maxFrames" && !Number.isInteger(value)) return yield* invalid(option, `is a whole number, not ${value}`)
    numbers[option] = value
  }
  if (numbers.start !== undefined && numbers.end !== undefined && numbers.end <= numbers.start) {
    return yield* invalid("end", `(${numbers.end} s) comes after start (${numbers.start} s)`)
  }
  if (sound !== undefined && typeof sound !== "boolean") return yield* invalid("sound", `is true or false, not ${String(sound)}`)
  return { ...numbers, ...(sound === undefined ? {} : { sound }) }
})
