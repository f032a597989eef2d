import { Cause } from "effect"
import { CliError } from "effect/cli"
import type { Exit } from "effect"
import * as errors from "../core/errors.ts"
import type { SensoriumError } from "../core/errors.ts"
import { exitCodeOf, exitCodes } from "./exit-codes.ts"
import { FellShort } from "./fell-short.ts"
import { OutputClosed } from "./standard-output.ts"

const isOurs = (error: unknown): error is SensoriumError => Object.values(errors).some((one) => typeof one === "function" && error instanceof one)

/** A message in one line; control characters of a file name would otherwise reach the terminal. */
const oneLine = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, " ")
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "?")
    .trim()

/** Writes one line to standard error, never a stack trace. */
export const complain = (message: string): void => {
  process.stderr.write(`sensorium: ${oneLine(message)}\n`)
}

/** A mistake of ours: said in a line, and in full with SENSORIUM_DEBUG. */
export const complainOfMistake = (error: unknown): void => {
  complain(`internal error: ${error instanceof Error ? error.message : String(error)} (SENSORIUM_DEBUG=1 shows where)`)
  if (process.env.SENSORIUM_DEBUG) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}

/** Tells why the command failed and with which code it ends. */
export const reportFailure = (exit: Exit.Failure<unknown, unknown>): number => {
  if (Cause.hasInterruptsOnly(exit.cause)) return 130
  const error = Cause.squash(exit.cause)
  // The presenter has told these.
  if (CliError.isCliError(error)) return exitCodes.usage
  if (error instanceof OutputClosed) return exitCodes.done
  if (error instanceof FellShort) return exitCodes.fellShort
  if (isOurs(error)) {
    complain(error.message)
    return exitCodeOf(error)
  }
  complainOfMistake(error)
  return exitCodes.internal
}
