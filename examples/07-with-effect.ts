/**
 * The same library with Effect: a layer, a stream, a typed error caught, and a stage swapped (the opener of media is wrapped by one that says what it opens).
 * Run: npm exec -- node examples/07-with-effect.ts
 */
import { Console, Effect, Layer, Stream } from "effect"
import { Media, MediaOpener, Sensorium, services } from "sensorium/effect"

const telling = Layer.effect(
  MediaOpener,
  Effect.map(MediaOpener, ({ open }) => ({
    open: (ref: Parameters<typeof open>[0]) => Effect.tap(open(ref), ({ modality, name }) => Console.log(`opened ${name} as ${modality}`))
  }))
)

const program = Effect.gen(function* () {
  const model = yield* Sensorium

  yield* model.ask([Media.video("examples/media/demo.mp4"), "What word is said?"], { maxTokens: 8 }).pipe(Stream.runForEach((text) => Console.log(text)))

  // Errors are in the type, with figures.
  yield* model.ask([Media.image("examples/media/photo.jpg"), "What color is the shape?"], { maxTokens: 1_000_000 }).pipe(
    Stream.catchTag("ContextOverflow", ({ rowsLeft, rowsNeeded }) => Stream.make(`refused: ${rowsNeeded} rows needed, ${rowsLeft} left`)),
    Stream.runForEach((text) => Console.log(text))
  )

  yield* model.ask([Media.audio("no-such-file.wav"), "What is said?"]).pipe(
    Stream.catchTag("SourceUnreadable", ({ message, stage }) => Stream.make(`${stage}: ${message}`)),
    Stream.runForEach((text) => Console.log(text))
  )
})

const layer = Sensorium.layerFrom().pipe(Layer.provide(telling), Layer.provide(services()))
await Effect.runPromise(program.pipe(Effect.provide(layer)))
