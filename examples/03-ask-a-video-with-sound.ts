/** Ask a clip about what is seen and heard at the same time. Run: npm exec -- node examples/03-ask-a-video-with-sound.ts [CLIP] [QUESTION] */
import { isSensoriumError, load, video } from "sensorium"

const [clip = "examples/media/parts.mp4", question = "What is said while the blue square is visible?"] = process.argv.slice(2)

const model = await load()
try {
  for await (const event of model.ask([video(clip), question], { maxTokens: 16 }).events()) {
    switch (event.type) {
      case "plan": {
        const [{ frames, tracks }] = event.plan.media
        console.log(
          `${frames.length} steps of video from ${frames[0]?.atSeconds} s to ${frames.at(-1)?.atSeconds} s, ${tracks[0]?.rows ?? 0} rows of its sound`
        )
        break
      }
      case "progress":
        if (event.stage === "encode") console.log(`${event.rows} of ${event.totalRows} rows encoded`)
        break
      case "text-delta":
        process.stdout.write(event.text)
        break
      case "finish":
        console.log(`\n(${event.finishReason}, ${event.usage.inputTokens} rows read)`)
    }
  }
} catch (error) {
  if (!isSensoriumError(error)) throw error
  console.error(`${error._tag}: ${error.message}`)
  process.exitCode = 1
} finally {
  await model.dispose()
}
