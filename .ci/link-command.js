import { existsSync, lstatSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { root } from "./project.js"

/** Puts `sensorium` beside the other commands of the checkout, so that `npx sensorium` and scripts find it. */
export const linkCommand = () => {
  const link = join(root, "node_modules", ".bin", "sensorium")
  // Windows needs more than a link; npm's own `npx sensorium` works there.
  if (process.platform === "win32" || existsSync(link)) return
  // A link to nowhere does not exist, and is in the way.
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link)
  symlinkSync(join("..", "..", "src", "cli", "sensorium.js"), link)
}
