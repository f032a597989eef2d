import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import type { CaseReport } from "../verify/climb.ts"
import { ladder, loading } from "./engine.ts"
import { loadFlags } from "./flags.ts"
import { FellShort } from "./fell-short.ts"
import { loadProgress } from "./load-progress.ts"
import { progressLine } from "./progress-line.ts"
import { complain } from "./report-failure.ts"
import { jsonFlag } from "./root-command.ts"
import { writeLine, writeObject } from "./standard-output.ts"

/** `sensorium verify FOLDER...` */
export const verifyCommand = Command.make(
  "verify",
  {
    folders: Argument.String("FOLDER").pipe(Argument.withDescription("Folders in the golden format"), Argument.variadic({ min: 1 })),
    cacheDir: loadFlags.cacheDir
  },
  ({ cacheDir, folders }) =>
    Effect.gen(function* () {
      const { json } = yield* jsonFlag
      const { allPassed, caseLines, verifyFolder } = yield* ladder
      const { services } = yield* loading
      const progress = yield* progressLine
      const options = { ...cacheDir, onProgress: loadProgress(progress) }
      const one = (folder: string) =>
        Effect.gen(function* () {
          const lines: Array<string> = []
          let done = 0
          const onCase = (report: CaseReport) =>
            Effect.sync(() => {
              lines.push(
                ...(json ? [JSON.stringify({ folder, case: report.name, passed: allPassed(report.findings), findings: report.findings })] : caseLines(report))
              )
              progress.show(`${folder}: ${++done} cases climbed, the last ${report.name}`)
            })
          const { cases, passed } = yield* Effect.scoped(verifyFolder(folder, options, onCase)).pipe(Effect.provide(services(options)))
          progress.clear()
          yield* Effect.forEach(lines, writeLine, { discard: true })
          const short = cases.filter(({ findings }) => !allPassed(findings)).length
          const summary = { folder, passed, cases: cases.length, short }
          yield* json ? writeObject(summary) : writeLine(`${folder}: ${cases.length - short} of ${cases.length} cases pass`)
          return passed
        })
      let all = true
      for (const folder of folders) {
        // A folder that cannot be climbed falls short; the others are climbed all the same.
        const passed = yield* one(folder).pipe(
          Effect.catchIf(
            (error) => error._tag !== "OutputClosed",
            (error) =>
              Effect.sync(() => {
                progress.clear()
                complain(`${folder}: ${error.message}`)
                return false
              })
          )
        )
        all &&= passed
      }
      if (!all) return yield* Effect.fail(new FellShort())
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Climb the golden ladder: compare every stage with the published implementation's numbers. Ends with 1 when one falls short"))
