import type { LoadProgress } from "../session/family-module.ts"
import type { ProgressLine } from "./progress-line.ts"
import { bytes } from "./text-table.ts"

/** Shows a model's loading on a progress line. */
export const loadProgress =
  (line: ProgressLine) =>
  ({ bytes: done, stage, totalBytes }: LoadProgress): void =>
    line.show(stage === "load" ? "loading the model" : `compiling the model: ${totalBytes === 0 ? "" : `${bytes(done)} of ${bytes(totalBytes)}`}`)
