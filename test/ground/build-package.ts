import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Before any test: `dist` is what the sources say, for the examples and the packaging test, which import `sensorium` by its name. */
export default function setup(): void {
  // A type error is told by the test of types; what compiles is tested all the same.
  spawnSync(process.execPath, [fileURLToPath(new URL("../../.ci/build.js", import.meta.url))], { stdio: "ignore" })
}
