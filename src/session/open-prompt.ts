import { Effect, type Scope } from "effect"
import { MediaOpener, type MediaRef } from "../core/source.ts"
import type { OpenError, PlanError } from "../core/errors.ts"
import type { PlannedMedia } from "../core/media-plan.ts"
import type { Message, Part, Prompt } from "../core/prompt.ts"

/** A media value of a question: a source to open, or rows that somebody else makes or made. */
export type MediaValue =
  | { readonly _tag: "Source"; readonly ref: MediaRef }
  | {
      readonly _tag: "Rows"
      readonly kept: boolean
      /** Parts in order; a clip and its sound are two media of one part. */ readonly parts: Effect.Effect<
        ReadonlyArray<ReadonlyArray<PlannedMedia>>,
        PlanError,
        Scope.Scope
      >
    }

/** One part of a question as people write it. */
export type ContentPart = string | MediaValue

/** One message as people write it; past turns are such data. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant"
  readonly content: string | ReadonlyArray<ContentPart>
}

/** What can be asked: a question, parts with their question, or whole turns. */
export type Question = string | ReadonlyArray<ContentPart> | ReadonlyArray<ChatMessage>

const isTurns = (question: ReadonlyArray<ContentPart> | ReadonlyArray<ChatMessage>): question is ReadonlyArray<ChatMessage> =>
  question.length > 0 && question.every((one) => typeof one === "object" && "role" in one)

/** A question as turns, a system turn first where one is given. */
export const turnsOf = (question: Question, system?: string): ReadonlyArray<ChatMessage> => {
  const turns: ReadonlyArray<ChatMessage> = typeof question === "string" || !isTurns(question) ? [{ role: "user", content: question }] : question
  return system === undefined ? turns : [{ role: "system", content: system }, ...turns]
}

const openPart = (part: ContentPart): Effect.Effect<ReadonlyArray<Part>, OpenError | PlanError, MediaOpener | Scope.Scope> => {
  if (typeof part === "string") return Effect.succeed([{ _tag: "Text", text: part }])
  if (part._tag === "Rows") return Effect.map(part.parts, (parts) => parts.map((media): Part => ({ _tag: "Produced", media, kept: part.kept })))
  return MediaOpener.use(({ open }) => Effect.map(open(part.ref), (media): ReadonlyArray<Part> => [{ _tag: "Media", media }]))
}

/** Opens every medium of the turns; the scope owns what is open. */
export const openPrompt = (turns: ReadonlyArray<ChatMessage>): Effect.Effect<Prompt, OpenError | PlanError, MediaOpener | Scope.Scope> =>
  Effect.map(
    Effect.forEach(turns, ({ content, role }) =>
      Effect.map(Effect.forEach(typeof content === "string" ? [content] : content, openPart), (parts): Message => ({ role, content: parts.flat() }))
    ),
    (messages): Prompt => ({ messages })
  )
