/**
 * Many questions about one clip, each with the time that it is about. The clip is encoded once: later questions find its rows.
 * Run: npm exec -- node examples/04-questions-about-frames.ts [CLIP]
 */
import { load, video } from "sensorium"

const [clip = "examples/media/parts.mp4"] = process.argv.slice(2)

const model = await load()
try {
  const { media } = await model.plan([video(clip), "What is seen?"])
  const seconds = media[0].frames.flatMap(({ atSeconds }) => atSeconds ?? [])
  console.log(`steps at ${seconds.map((at) => at.toFixed(1)).join(", ")} s`)

  // One stretch of two seconds after the other, by itself: start and end are seconds.
  for (let start = 0; start <= (seconds.at(-1) ?? 0); start += 2) {
    const stretch = video(clip, { start, end: start + 1.9, sound: false })
    const { text } = await model.ask([stretch, "What color is the shape?"], { maxTokens: 8 })
    console.log(`${start} to ${start + 2} s  What color is the shape?  ${text}`)
  }

  // The whole clip, and several questions about it.
  for (const question of ["What is the first color?", "What is the last color?"]) {
    const { text, usage } = await model.ask([video(clip), question], { maxTokens: 8 })
    console.log(`whole clip  ${question}  ${text} (${usage.rows.video} rows of video)`)
  }
} finally {
  await model.dispose()
}
