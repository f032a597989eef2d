/**
 * `npm run demo`: a clip with its sound, what the prompt will cost, then three questions: about the picture, about the sound, about both in time.
 * The answers stream to standard output.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const clip = join(root, "examples/media/demo.mp4")
const questions = ["What color is the square?", "What word is said?", "Is the word said before or after the square appears?"]

/** @param {ReadonlyArray<string>} args */
const sensorium = (...args) => {
  const { status } = spawnSync(process.execPath, [join(root, "src/cli/sensorium.js"), ...args], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

console.log(`sensorium plan examples/media/demo.mp4 --question "${questions[2]}"\n`)
sensorium("plan", clip, "--question", questions[2])
for (const question of questions) {
  console.log(`\nsensorium ask examples/media/demo.mp4 "${question}"`)
  sensorium("ask", clip, question, "--max-tokens", "16")
}
