import { Effect } from "effect"

/** Whoever read standard output has gone (`sensorium ask ... | head -1`): there is nobody left to tell. */
export class OutputClosed extends Error {
  readonly _tag = "OutputClosed"
}

/** Writes a piece of an answer to standard output, and waits until it is taken. */
export const write = (text: string): Effect.Effect<void, OutputClosed> =>
  Effect.callback((resume) => {
    process.stdout.write(text, (error) => resume(error ? Effect.fail(new OutputClosed(error.message)) : Effect.void))
  })

/** One line of an answer. */
export const writeLine = (line: string): Effect.Effect<void, OutputClosed> => write(`${line}\n`)

/** One object, on a line of its own. */
export const writeObject = (value: unknown): Effect.Effect<void, OutputClosed> => writeLine(JSON.stringify(value))
