/** Ask about a picture, and stream the answer. Run: npm exec -- node examples/01-ask-an-image.ts [PICTURE] [QUESTION] */
import { image, load } from "sensorium"

const [picture = "examples/media/photo.jpg", question = "What color is the shape?"] = process.argv.slice(2)

const model = await load()
try {
  // Text streams: leaving the loop would stop everything behind it.
  const answer = model.ask([image(picture), question], { maxTokens: 16 })
  for await (const text of answer) process.stdout.write(text)

  // The same run, taken again as a whole: nothing runs twice.
  const { finishReason, usage } = await answer
  console.log(`\n(${finishReason}; ${usage.rows.image} rows of picture, ${usage.outputTokens} tokens of answer)`)
} finally {
  await model.dispose()
}
