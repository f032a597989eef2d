import { Effect } from "effect"
import type { PlanError } from "../core/errors.ts"
import type { ChatMessage, ContentPart } from "../session/open-prompt.ts"
import type { PlanSummary } from "../session/plan-summary.ts"

/** The turns with every clip looked at `fps` times a second. */
const slowed = (turns: ReadonlyArray<ChatMessage>, fps: number): ReadonlyArray<ChatMessage> =>
  turns.map(({ content, role }) => ({
    role,
    content:
      typeof content === "string"
        ? content
        : content.map((part): ContentPart =>
            typeof part === "object" && part._tag === "Source" && part.ref.modality === "video"
              ? { ...part, ref: { ...part.ref, options: { ...part.ref.options, fps } } }
              : part
          )
  }))

const figures = (value: number) => value.toLocaleString("en-US")

/** What to change so that a prompt fits: the first frame rate that does, found by planning again; else the figures alone. */
export const advise = <R>(
  turns: ReadonlyArray<ChatMessage>,
  { context, maxTokens, media, rows }: PlanSummary,
  plan: (turns: ReadonlyArray<ChatMessage>) => Effect.Effect<PlanSummary, PlanError, R>
): Effect.Effect<string, PlanError, R> =>
  Effect.gen(function* () {
    const tooMany = `${figures(rows.total)} rows and an answer of ${figures(maxTokens)} do not fit in ${figures(context)}`
    if (media.some(({ modality }) => modality === "video")) {
      for (const fps of [1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01]) {
        const other = yield* plan(slowed(turns, fps))
        if (other.rows.total < rows.total && other.rows.total + maxTokens <= context) return `fps ${fps} fits in ${figures(context)} rows`
      }
    }
    return `${tooMany}; take less of the media, or fewer`
  })
