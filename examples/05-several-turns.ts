/** A conversation keeps its cache; past turns are data; a fork is another future of the same past. Run: npm exec -- node examples/05-several-turns.ts */
import { load, video } from "sensorium"

const model = await load()
try {
  const chat = model.chat()
  const first = await chat.ask([video("examples/media/demo.mp4"), "What word is said?"], { maxTokens: 8 })
  console.log(`1. ${first.text}`)

  const other = await chat.fork()
  const [second, instead] = await Promise.all([
    chat.ask("What color is the square?", { maxTokens: 8 }),
    other.ask("When does the square appear?", { maxTokens: 8 })
  ])
  console.log(`2. ${second.text} (${second.usage.cacheReadTokens} of ${second.usage.inputTokens} rows were still in the cache)`)
  console.log(`2. instead: ${instead.text}`)

  // The history is plain data: kept, and gone on with later.
  const again = model.chat({ messages: chat.messages })
  console.log(`3. ${(await again.ask("Is the word said before or after the square appears?", { maxTokens: 8 })).text} (${again.messages.length} messages)`)
  await Promise.all([chat.dispose(), other.dispose(), again.dispose()])
} finally {
  await model.dispose()
}
