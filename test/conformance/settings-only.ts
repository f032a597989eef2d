import { cpSync } from "node:fs"
import { join } from "node:path"

/** Copies the settings of a golden folder's checkpoints into a folder: no weights, no cases, no media. Gives the path of the model's own checkpoint there. */
export const copySettings = (golden: string, to: string): string => {
  cpSync(golden, to, { recursive: true, filter: (path) => !path.endsWith(".safetensors") && !/[\\/](cases|media)$/.test(path) })
  return join(to, "checkpoint")
}
