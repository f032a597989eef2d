/**
 * Many questions about one clip, each with the time that it is about. The clip is encoded once: later questions find its rows.
 * Run: npm exec -- node examples/04-questions-about-frames.ts [CLIP]
 */
import { load, video } from "sensorium"

const [clip = "examples/media/parade.mp4"] = process.argv.slice(2)
const questions = ["What color is the shape?", "What shape is it?"]

const model = await load()
try {
  const whole = [video(clip), "What is said first?"] as const
  const { media } = await model.plan(whole)
  const seconds = media[0].frames.flatMap(({ atSeconds }) => atSeconds ?? [])
  console.log(`steps at ${seconds.map((at) => at.toFixed(1)).join(", ")} s`)

  // The stretch around each second step, by itself: start and end are seconds.
  for (const at of seconds.filter((_, i) => i % 2 === 0)) {
    const stretch = video(clip, { start: at, end: at + 1, sound: false })
    for (const question of questions) {
      const { text } = await model.ask([stretch, question], { maxTokens: 8 })
      console.log(`${at.toFixed(1)} s  ${question}  ${text}`)
    }
  }

  console.log(`whole clip  ${whole[1]}  ${(await model.ask(whole, { maxTokens: 8 })).text}`)
} finally {
  await model.dispose()
}
