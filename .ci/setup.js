// `npm run setup`: packages from the lock file, ffmpeg, and the built package. Run again, it finds all done.
import { build } from "./build.js"
import { ensureFfmpeg } from "./ensure-ffmpeg.js"
import { installPackages } from "./install-packages.js"

const [major] = process.versions.node.split(".").map(Number)
try {
  if (major < 20) throw new Error(`setup needs Node 20 or later to start; this is ${process.version}`)
  installPackages()
  ensureFfmpeg()
  if (!build()) throw new Error("the sources have type errors")
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
