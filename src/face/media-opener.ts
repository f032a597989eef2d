import { Context, Effect, Layer } from "effect"
import { OptionInvalid, UnsupportedMedia } from "../core/errors.ts"
import { MediaOpener } from "../core/source.ts"
import { Ffmpeg } from "../source/ffmpeg.ts"
import { openSource } from "../source/open-source.ts"
import { CurrentSourceLimits, defaultSourceLimits } from "../source/source-limits.ts"
import type { Workers } from "../worker/workers.ts"
import type { LoadOptions } from "./load-options.ts"
import { modalities } from "./modalities.ts"

/** Opens sources with the modalities that are there: the one that was named, else the one that the source's own bytes tell. */
export const mediaOpener = (options: LoadOptions): Layer.Layer<MediaOpener, never, Workers> =>
  Layer.effect(
    MediaOpener,
    Effect.gen(function* () {
      const context = Context.merge(
        yield* Effect.context<Workers | Ffmpeg>(),
        Context.make(CurrentSourceLimits, { ...defaultSourceLimits, allowPrivateAddresses: options.allowPrivateAddresses ?? false })
      )
      // The first start of a process takes 10 ms of the event loop: it falls to loading, not to the first question. Who never asks about a film misses no ffmpeg.
      yield* Effect.forkScoped(Effect.ignore(Context.get(context, Ffmpeg).programs))
      return {
        open: (ref) =>
          Effect.gen(function* () {
            if (ref.modality !== undefined && !modalities.some(({ name }) => name === ref.modality)) {
              return yield* new OptionInvalid({
                stage: "open",
                option: "modality",
                message: `there is no modality ${ref.modality}; there are ${modalities.map(({ name }) => name).join(", ")}`
              })
            }
            const opened = yield* openSource(ref.source)
            for (const modality of modalities) {
              if (ref.modality === modality.name || (ref.modality === undefined && (yield* modality.detects(opened))))
                return yield* modality.open(opened, ref.options)
            }
            return yield* new UnsupportedMedia({
              stage: "open",
              source: opened.name,
              modality: "unknown",
              message: `${opened.name} holds no ${modalities.map(({ name }) => name).join(", no ")}`
            })
          }).pipe(Effect.provideContext(context))
      }
    })
  ).pipe(Layer.provide(Ffmpeg.layer(options.ffmpeg === undefined ? {} : { path: options.ffmpeg })))
