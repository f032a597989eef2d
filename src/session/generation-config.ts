import { Effect } from "effect"
import type { Checkpoint } from "../checkpoint/checkpoint.ts"
import { CheckpointUnreadable } from "../core/errors.ts"
import type { Tokenizer } from "../text/tokenizer.ts"
import type { GenerationDefaults } from "./model.ts"

/** What a checkpoint's generation_config.json says of answers. */
export interface Generation {
  /** `eos_token_id`: one or several. */
  readonly stopTokens: ReadonlyArray<number>
  /** Sampling, where `do_sample` is true; greedy, where it is false. */
  readonly defaults: Partial<GenerationDefaults>
}

const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined)

/** Reads generation_config.json, where there is one. */
export const readGeneration = (checkpoint: Checkpoint): Effect.Effect<Generation, CheckpointUnreadable> =>
  Effect.gen(function* () {
    const config = (yield* checkpoint.json("generation_config.json")) ?? {}
    const stop = config.eos_token_id
    const stopTokens = (Array.isArray(stop) ? stop : [stop]).filter((token): token is number => typeof token === "number")
    const sampled = config.do_sample === true
    const named: Partial<Record<keyof GenerationDefaults, number | undefined>> = {
      maxTokens: number(config.max_new_tokens),
      temperature: sampled ? (number(config.temperature) ?? 1) : 0,
      topK: sampled ? (number(config.top_k) ?? 50) : undefined,
      topP: sampled ? number(config.top_p) : undefined,
      minP: sampled ? number(config.min_p) : undefined,
      repeatPenalty: number(config.repetition_penalty)
    }
    const defaults: Partial<GenerationDefaults> = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
    return { stopTokens, defaults }
  })

/** Tokens that end an answer: what generation_config.json names, else those of `names` that the tokenizer has. Fails with `CheckpointUnreadable` where there are none. */
export const stopTokensOf = (
  checkpoint: Checkpoint,
  { stopTokens }: Generation,
  tokenizer: Tokenizer,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlySet<number>, CheckpointUnreadable> => {
  const stop = stopTokens.length > 0 ? stopTokens : names.flatMap((token) => tokenizer.controlId(token) ?? [])
  return stop.length > 0
    ? Effect.succeed(new Set(stop))
    : Effect.fail(
        new CheckpointUnreadable({
          stage: "load",
          path: checkpoint.folder,
          message: `${checkpoint.folder}: neither generation_config.json nor the tokenizer names a token that ends an answer`
        })
      )
}
