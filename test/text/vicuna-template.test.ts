import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { openChatTemplate, type TemplateMessage } from "../../src/text/chat-template.ts"
import { openTokenizer } from "../../src/text/tokenizer.ts"
import { vicunaTemplate } from "../../src/text/vicuna-template.ts"

const checkpoint = join(import.meta.dirname, "../golden/mobilevlm/ldpnetv2/checkpoint")
const json = (name: string): unknown => JSON.parse(readFileSync(join(checkpoint, name), "utf8"))
const FIRST =
  "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. "

const rendered = (messages: ReadonlyArray<TemplateMessage>) =>
  Effect.gen(function* () {
    const tokenizer = yield* openTokenizer({ tokenizerJson: json("tokenizer.json"), tokenizerConfig: json("tokenizer_config.json") })
    const template = yield* openChatTemplate({ jinja: vicunaTemplate }, tokenizer)
    return yield* template.render(messages)
  })
const say = (role: string, text: string): TemplateMessage => ({ role, content: [{ type: "text", text }] })

// What get_prompt of the published conversation.py gives (Meituan-AutoML/MobileVLM 688fdec), every message appended as the user's but the assistant's.
const facts: ReadonlyArray<readonly [ReadonlyArray<TemplateMessage>, string]> = [
  [[say("user", "Hi.")], "USER: Hi. ASSISTANT:"],
  [[say("user", "Hi."), say("assistant", "Yes."), say("user", "And?")], "USER: Hi. ASSISTANT: Yes.</s>USER: And? ASSISTANT:"],
  [[say("system", "Be brief."), say("user", "Hi.")], "USER: Be brief. USER: Hi.</s>ASSISTANT:"],
  [[say("user", "")], "USER:ASSISTANT:"],
  [[say("user", "A"), say("user", "B")], "USER: A USER: B</s>ASSISTANT:"]
]

it.effect.each(facts)("conversation %#", ([messages, expected]) =>
  Effect.gen(function* () {
    const pieces = yield* rendered(messages)
    expect(pieces.map((piece) => (piece._tag === "Text" ? piece.text : piece._tag === "Control" ? piece.token : "?")).join("")).toBe(FIRST + expected)
  })
)

it.effect("an answer's end is the token, a question's spelling of it is text", () =>
  Effect.gen(function* () {
    const pieces = yield* rendered([say("user", "What is </s>?"), say("assistant", "Nothing.")])
    expect(pieces.filter(({ _tag }) => _tag === "Control").length).toBe(1)
  })
)

it.effect("media stand where their parts are", () =>
  Effect.gen(function* () {
    const pieces = yield* rendered([
      {
        role: "user",
        content: [
          { type: "text", text: "Look: " },
          { type: "bare", index: 0 },
          { type: "text", text: "?" }
        ]
      }
    ])
    expect(pieces.map((piece) => (piece._tag === "Text" ? piece.text : piece._tag))).toEqual([`${FIRST}USER: Look: `, "Bare", "? ASSISTANT:"])
  })
)
