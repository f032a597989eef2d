import { Cause, Effect, type Scope } from "effect"
import type { LoadError } from "../core/errors.ts"
import type { LoadOptions } from "../face/load-options.ts"
import { loadModel, type LoadServices } from "../face/load-model.ts"
import { settingsOf } from "../face/sensorium.ts"
import { type CaseReport, climbCase } from "./climb.ts"
import { failed, type Finding, rungs } from "./compare.ts"
import { type GoldenFolder, readGoldenFolder } from "./golden-case.ts"

/** What climbing the golden ladder on one folder found. */
export interface FolderReport {
  readonly folder: string
  readonly cases: ReadonlyArray<CaseReport>
  readonly passed: boolean
}

/** Whether nothing fell short. */
export const allPassed = (findings: ReadonlyArray<Finding>): boolean => findings.length > 0 && findings.every(({ passed }) => passed)

const tablesReport = (golden: GoldenFolder, known: Readonly<Record<string, (table: unknown) => ReadonlyArray<string>>>): ReadonlyArray<CaseReport> =>
  Object.entries(golden.tables).map(([name, table]): CaseReport => {
    const compare = known[name]
    if (compare === undefined) return { name, findings: [failed("features", name, "unknown: this family has no such table")] }
    const differences = compare(table)
    return {
      name,
      findings: [
        {
          rung: name.startsWith("positions") ? "positions" : "features",
          what: name,
          passed: differences.length === 0,
          detail: differences.length === 0 ? "equal" : `${differences.length} differ: ${differences.slice(0, 3).join("; ")}`
        }
      ]
    }
  })

/**
 * Climbs every case of a golden folder, float32. An error in a case is a finding of that case; an error in loading is the caller's.
 * `onCase` sees each report as it is made.
 */
export const verifyFolder = (
  folder: string,
  options: LoadOptions = {},
  onCase: (report: CaseReport) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<FolderReport, LoadError, LoadServices | Scope.Scope> =>
  Effect.gen(function* () {
    const golden = yield* readGoldenFolder(folder)
    const model = yield* loadModel({ ...options, model: golden.checkpoint, dtype: "fp32" })
    const settings = settingsOf({ ...options, encoderCacheBytes: 0 })
    const cases = yield* Effect.forEach(golden.cases, (one) =>
      Effect.scoped(climbCase(model, one, settings)).pipe(
        Effect.catchCause((cause) =>
          Cause.hasInterrupts(cause)
            ? Effect.interrupt
            : Effect.sync((): CaseReport => {
                const error = Cause.squash(cause)
                const stage = typeof error === "object" && error !== null && "stage" in error ? String(error.stage) : "load"
                return {
                  name: one.name,
                  findings: [
                    failed(
                      stage === "encode" ? "embeddings" : stage === "prefill" || stage === "decode" ? "logits" : "features",
                      "error",
                      error instanceof Error ? error.message : String(error)
                    )
                  ]
                }
              })
        ),
        Effect.tap(onCase)
      )
    )
    const tables = tablesReport(golden, model.reference.tables)
    yield* Effect.forEach(tables, onCase)
    const all = [...cases, ...tables]
    return { folder, cases: all, passed: all.every(({ findings }) => allPassed(findings)) }
  })

/** One line a case and rung: `case  rung  ok|FELL SHORT  figures`. */
export const caseLines = ({ findings, name }: CaseReport): ReadonlyArray<string> =>
  rungs.flatMap((rung) => {
    const own = findings.filter((finding) => finding.rung === rung)
    if (own.length === 0) return []
    const short = own.filter(({ passed }) => !passed)
    const shown = short.length > 0 ? short : own
    return [
      `${name.padEnd(24)} ${rung.padEnd(11)} ${short.length === 0 ? "ok        " : "FELL SHORT"} ${shown.map(({ detail, what }) => `${what}: ${detail}`).join("; ")}`
    ]
  })
