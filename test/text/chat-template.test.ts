import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { openChatTemplate, type TemplateMessage } from "../../src/text/chat-template.ts"
import type { PromptPiece } from "../../src/text/prompt-piece.ts"
import type { Tokenizer } from "../../src/text/tokenizer.ts"
import { facts, filesOf, published, small, tokenizerOf } from "./facts.ts"

interface Prompt {
  readonly messages: ReadonlyArray<TemplateMessage>
  readonly addGenerationPrompt: boolean
  readonly prompt: string
  readonly ids: ReadonlyArray<number>
}

const prompts = facts<Readonly<Record<string, ReadonlyArray<Prompt>>>>("prompts")

const encodePieces = (tokenizer: Tokenizer, pieces: ReadonlyArray<PromptPiece>): ReadonlyArray<number> => pieces.flatMap((piece, at) => {
  if (piece._tag === "Text") return Array.from(tokenizer.encodeText(piece.text, { atStart: at === 0, normalized: piece.normalized ?? false }))
  return piece._tag === "Control" ? [piece.id] : [-1]
})

describe("rendered prompts have the reference's ids", () => {
  for (const name of [...published, ...small]) {
    it.effect(name, () => Effect.gen(function*() {
      const tokenizer = yield* tokenizerOf(name)
      const template = yield* openChatTemplate({ json: [filesOf(name).tokenizerConfig] }, tokenizer)
      expect(prompts[name].length).toBeGreaterThan(0)
      for (const { addGenerationPrompt, ids, messages, prompt } of prompts[name]) {
        const pieces = yield* template.render(messages, { addGenerationPrompt, variables: { date_string: "26 Jul 2024" } })
        expect(encodePieces(tokenizer, pieces), prompt).toEqual(ids)
      }
    }))
  }
})
