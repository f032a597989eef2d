import { Flag } from "effect/cli"

/** A flag that may be left out, as an object to spread into options: with one property, or with none. */
const optional = <A, B extends object>(flag: Flag.Flag<A>, metavar: string, description: string, as: (value: A) => B): Flag.Flag<Partial<B>> => {
  const absent: Partial<B> = {}
  return flag.pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.map((value): Partial<B> => as(value)),
    Flag.withDefault(absent)
  )
}

/** How a model is loaded. */
export const loadFlags = {
  dtype: optional(Flag.Literals("dtype", ["fp32", "fp16"]), "D", "How weights are stored: fp32 (default) or fp16", (dtype) => ({ dtype })),
  cacheDir: optional(Flag.String("cache-dir"), "FOLDER", "Folder of compiled graphs (default: SENSORIUM_CACHE_DIR, else the platform's)", (cacheDir) => ({
    cacheDir
  }))
}

/** Which model is asked. */
export const modelFlag = optional(Flag.String("model"), "FOLDER", "Folder of a checkpoint (default: the model in the package)", (model) => ({ model }))

/** What of a clip is looked at and heard. */
export const mediaFlags = {
  sound: Flag.Boolean("sound").pipe(Flag.withDescription("Hear a clip's sound, where it has one (default); --no-sound leaves it out"), Flag.withDefault(true)),
  fps: optional(Flag.Finite("fps"), "N", "Frames of a clip to look at, a second (default: the model's)", (fps) => ({ fps }))
}

/** What the model is told before the question. */
export const systemFlag = optional(Flag.String("system"), "TEXT", "What the model is told before the question", (system) => ({ system }))

/** Tokens of the answer: what a plan counts too. */
export const maxTokensFlag = optional(Flag.Int("max-tokens"), "N", "Tokens of the answer at the most", (maxTokens) => ({ maxTokens }))

/** How the answer is chosen. */
export const answerFlags = {
  temperature: optional(Flag.Finite("temperature"), "T", "0: always the likeliest token", (temperature) => ({ temperature })),
  seed: optional(Flag.Int("seed"), "N", "The same seed gives the same answer", (seed) => ({ seed }))
}
