import { Effect } from "effect"
import { OptionInvalid } from "../../src/core/errors.ts"
import type { MediaRef } from "../../src/core/source.ts"
import { sampleRateHz } from "./audio-media.ts"

/** The part of a recording that is heard, in samples at 16 kHz. */
export interface SampleRange {
  readonly from: number
  /** Infinity: to the end. */
  readonly to: number
}

/** Reads `start` and `end` (seconds). Other options are other readers'. */
export const sampleRange = Effect.fnUntraced(function* (options: MediaRef["options"], source: string): Effect.fn.Return<SampleRange, OptionInvalid> {
  const seconds = (option: "start" | "end"): Effect.Effect<number | undefined, OptionInvalid> => {
    const value = options[option]
    return value === undefined || (typeof value === "number" && Number.isFinite(value) && value >= 0)
      ? Effect.succeed(value)
      : Effect.fail(
          new OptionInvalid({ stage: "open", option, message: `${source}: option ${option} is a number of seconds from 0, not ${JSON.stringify(value)}` })
        )
  }
  const start = (yield* seconds("start")) ?? 0
  const end = yield* seconds("end")
  if (end !== undefined && end <= start) {
    return yield* new OptionInvalid({ stage: "open", option: "end", message: `${source}: option end (${end} s) comes after start (${start} s)` })
  }
  return { from: Math.round(start * sampleRateHz), to: end === undefined ? Number.POSITIVE_INFINITY : Math.round(end * sampleRateHz) }
})
