import { Effect, Stream } from "effect"
import { existsSync } from "node:fs"
import { Argument, Command } from "effect/cli"
import { OptionInvalid } from "../core/errors.ts"
import type { AskEvent, Usage } from "../session/ask.ts"
import { engine } from "./engine.ts"
import { answerFlags, loadFlags, maxTokensFlag, mediaFlags, modelFlag, systemFlag } from "./flags.ts"
import { loadProgress } from "./load-progress.ts"
import { mediaArguments } from "./media-arguments.ts"
import { progressLine, share } from "./progress-line.ts"
import { jsonFlag } from "./root-command.ts"
import { write, writeObject } from "./standard-output.ts"

/** What an answer cost, in a line. */
const statistics = ({ cacheReadTokens, inputTokens, outputTokens, rows }: Usage, seconds: number): string => {
  const parts = Object.entries(rows).map(([name, rowCount]) => `${name} ${rowCount}`)
  const kept = cacheReadTokens === 0 ? "" : `, ${cacheReadTokens} kept`
  return `${inputTokens} rows read (${parts.join(", ")}${kept}), ${outputTokens} tokens written, ${seconds.toFixed(1)} s\n`
}

/** `sensorium ask [MEDIA...] QUESTION` */
export const askCommand = Command.make(
  "ask",
  {
    words: Argument.String("[MEDIA...] QUESTION").pipe(
      Argument.withDescription("Files or addresses to look at and listen to, and last the question"),
      Argument.variadic({ min: 1 })
    ),
    model: modelFlag,
    ...loadFlags,
    ...mediaFlags,
    ...answerFlags,
    maxTokens: maxTokensFlag,
    system: systemFlag
  },
  ({ cacheDir, dtype, fps, maxTokens, model, seed, sound, system, temperature, words }) =>
    Effect.gen(function* () {
      const { json } = yield* jsonFlag
      const started = performance.now()
      const question = words[words.length - 1]
      if (existsSync(question)) {
        return yield* new OptionInvalid({
          stage: "plan",
          option: "QUESTION",
          message: `the question is missing: ${question} is a file; the last argument is what is asked about it`
        })
      }
      const { Sensorium } = yield* engine
      const progress = yield* progressLine
      const content = [...mediaArguments(words.slice(0, -1), { sound, fps }), question]
      const options = { ...maxTokens, ...temperature, ...seed, ...system }
      let text = ""
      const onEvent = (event: AskEvent) => {
        switch (event.type) {
          case "plan":
            return json ? writeObject(event) : Effect.void
          case "progress":
            return Effect.sync(() =>
              progress.show(`reading the prompt: ${share(event.rows, event.totalRows, event.stage === "encode" ? "rows of media" : "rows")}`)
            )
          case "text-delta":
            progress.clear()
            text += event.text
            return json ? writeObject(event) : write(event.text)
          case "finish":
            progress.clear()
            if (process.stderr.isTTY)
              process.stderr.write(
                `${text.endsWith("\n") || json || !process.stdout.isTTY ? "" : "\n"}${statistics(event.usage, (performance.now() - started) / 1000)}`
              )
            return json ? writeObject({ ...event, text }) : Effect.void
        }
      }
      yield* Effect.gen(function* () {
        const sensorium = yield* Sensorium
        yield* sensorium.events(content, options).pipe(Stream.runForEach(onEvent))
      }).pipe(Effect.provide(Sensorium.layer({ ...model, ...dtype, ...cacheDir, onProgress: loadProgress(progress) })))
      if (!json) yield* write("\n")
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription("Ask a question about any mix of text, images, video with its sound, and audio"),
  Command.withExamples([
    { command: 'sensorium ask clip.mp4 "What is said when the light turns green?"', description: "A clip with its sound" },
    { command: 'sensorium ask -- -odd-name.png "What is this?"', description: "After -- nothing is an option" }
  ])
)
