import { Effect } from "effect"
import { CliOutput } from "effect/cli"
import { complain } from "./report-failure.ts"

const formatter = CliOutput.defaultFormatter({ colors: false })

/** Help that was asked for, and the version, go to standard output; a wrong call is told on standard error in a line. */
export const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      switch (event._tag) {
        case "Version":
          return void process.stdout.write(`${event.version}\n`)
        case "Help":
          return void (event.reason === "Requested" ? process.stdout : process.stderr).write(`${formatter.formatHelpDoc(event.helpDoc)}\n`)
        case "InvalidInvocation":
          return complain(`${event.errors.map((error) => error.message).join("; ")} (see ${event.commandPath.join(" ")} --help)`)
      }
    })
}
