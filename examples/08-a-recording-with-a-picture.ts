/** Ask a recording with a picture beside it: one prompt, two senses. Run: npm exec -- node examples/08-a-recording-with-a-picture.ts [RECORDING] [PICTURE] [QUESTION...] */
import { audio, image, isSensoriumError, load } from "sensorium"

const [recording = "examples/media/number.wav", picture = "examples/media/shapes.png", ...asked] = process.argv.slice(2)
const questions = asked.length > 0 ? asked : ["What is said?", "Which shape is red?"]

// A folder in MODEL loads another model that hears and sees (Qwen2.5-Omni, Phi-4-multimodal).
const model = await load(process.env.MODEL)
try {
  const media = [audio(recording), image(picture)]
  const plan = await model.plan([...media, questions[0]])
  for (const { modality, rows, source } of plan.media) console.log(`${source}: ${rows} rows of ${modality}`)

  // Each question has both before it. Media are encoded once, whoever asks about them again.
  for (const question of questions) {
    const { text, usage } = await model.ask([...media, question], { maxTokens: 16 })
    console.log(`${question} ${text} (${usage.rows.audio} rows of sound, ${usage.rows.image} of the picture, ${usage.rows.text} of text)`)
  }
} catch (error) {
  if (!isSensoriumError(error)) throw error
  console.error(`${error._tag}: ${error.message}`)
  process.exitCode = 1
} finally {
  await model.dispose()
}
