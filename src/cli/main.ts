// The program behind the command `sensorium`. `sensorium.js` starts it.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Exit, Layer, Logger } from "effect"
import { CliOutput, Command } from "effect/cli"
import { askCommand } from "./ask-command.ts"
import { cacheCommand } from "./cache-command.ts"
import { compileCommand } from "./compile-command.ts"
import { exitCodes } from "./exit-codes.ts"
import { packageVersion } from "./package-version.ts"
import { planCommand } from "./plan-command.ts"
import { presenter } from "./presenter.ts"
import { complainOfMistake, reportFailure } from "./report-failure.ts"
import { jsonFlag } from "./root-command.ts"
import { verifyCommand } from "./verify-command.ts"

// Started by another Node: when that one is gone, however it went, so is this.
if (process.channel) {
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"))
  process.channel.unref()
}
process.on("uncaughtException", (error) => {
  complainOfMistake(error)
  process.exit(exitCodes.internal)
})
// A reader that went away is told by the write that fails.
process.stdout.on("error", () => {})
process.stderr.on("error", () => {})

jsonFlag.pipe(
  Command.withSubcommands([askCommand, planCommand, verifyCommand, compileCommand, cacheCommand]),
  Command.run({ version: packageVersion() }),
  Effect.provideService(Logger.LogToStderr, true),
  Effect.provide(Layer.mergeAll(CliOutput.layerPresenter(presenter), NodeServices.layer)),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: (exit, end) => end(Exit.isFailure(exit) ? reportFailure(exit) : exitCodes.done) })
)
