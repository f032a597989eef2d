// `npm run setup`: packages from the lock file, ffmpeg, and the built package. Run again, it finds all done.
import { build } from "./build.js"
import { ensureFfmpeg } from "./ensure-ffmpeg.js"
import { installPackages } from "./install-packages.js"
import { linkCommand } from "./link-command.js"

const [major] = process.versions.node.split(".").map(Number)
try {
  if (major < 20) throw new Error(`setup needs Node 20 or later to start; this is ${process.version}`)
  installPackages()
  linkCommand()
  // Type errors are told; what was built runs all the same.
  build()
  ensureFfmpeg()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
