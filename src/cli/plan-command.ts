import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { draw } from "../session/prompt-graph.ts"
import { engine } from "./engine.ts"
import { loadFlags, maxTokensFlag, mediaFlags, modelFlag, systemFlag } from "./flags.ts"
import { loadProgress } from "./load-progress.ts"
import { mediaArguments } from "./media-arguments.ts"
import { planTable } from "./plan-table.ts"
import { progressLine } from "./progress-line.ts"
import { jsonFlag } from "./root-command.ts"
import { writeLine, writeObject } from "./standard-output.ts"

/** `sensorium plan MEDIA...` */
export const planCommand = Command.make(
  "plan",
  {
    sources: Argument.String("MEDIA").pipe(Argument.withDescription("Files or addresses"), Argument.variadic({ min: 1 })),
    question: Flag.String("question").pipe(Flag.withMetavar("TEXT"), Flag.withDescription("The question that goes with them"), Flag.withDefault("")),
    graph: Flag.Boolean("graph").pipe(Flag.withDescription("Draw the stages that the prompt runs through"), Flag.withDefault(false)),
    model: modelFlag,
    ...loadFlags,
    ...mediaFlags,
    maxTokens: maxTokensFlag,
    system: systemFlag
  },
  ({ cacheDir, dtype, fps, graph, maxTokens, model, question, sound, sources, system }) =>
    Effect.gen(function* () {
      const { json } = yield* jsonFlag
      const { Sensorium } = yield* engine
      const progress = yield* progressLine
      const content = [...mediaArguments(sources, { sound, fps }), ...(question === "" ? [] : [question])]
      const options = { ...maxTokens, ...system }
      yield* Effect.gen(function* () {
        const sensorium = yield* Sensorium
        if (graph) {
          const nodes = yield* sensorium.graph(content, options)
          progress.clear()
          return yield* json ? Effect.forEach(nodes, writeObject, { discard: true }) : writeLine(draw(nodes))
        }
        const plan = yield* sensorium.plan(content, options)
        progress.clear()
        yield* json ? writeObject(plan) : writeLine(planTable(plan))
      }).pipe(Effect.provide(Sensorium.layer({ ...model, ...dtype, ...cacheDir, planOnly: true, onProgress: loadProgress(progress) })))
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription("Show what a prompt will cost: frames, rows, positions, cells and bytes. No frame is decoded, nothing is compiled"),
  Command.withExamples([{ command: "sensorium plan lecture.mp4 --fps 0.5", description: "How much of the context a lecture takes" }])
)
