/** Ask about a recording: a path, bytes, or a stream of them. Run: npm exec -- node examples/02-ask-a-recording.ts [RECORDING] [QUESTION] */
import { createReadStream } from "node:fs"
import { audio, load } from "sensorium"

const [recording = "examples/media/number.wav", question = "What number is said?"] = process.argv.slice(2)

const model = await load()
try {
  // What it will cost, before a weight runs.
  const plan = await model.plan([audio(recording), question])
  console.log(`${plan.rows.audio} rows of sound, ${(plan.cache.bytes / 1e6).toFixed(1)} MB of cache`)

  const { text } = await model.ask([audio(createReadStream(recording)), question], { maxTokens: 16 })
  console.log(text)
} finally {
  await model.dispose()
}
