import type { PlannedParts } from "./plan-parts.ts"
import type { Message, Part } from "../core/prompt.ts"
import type { TemplateMessage, TemplatePart } from "../text/chat-template.ts"

/** A part's modality, as a chat template's `type`; of a clip with its sound, the clip's. */
export const modalityOf = (part: Part): string => {
  switch (part._tag) {
    case "Text":
      return "text"
    case "Media":
      return part.media.modality
    case "Produced":
      return part.media[0]?.plan.modality ?? "text"
  }
}

/**
 * A prompt's messages as a chat template takes them. Media whose modality the template has no word for stand bare: the template
 * sees text, and the piece that comes out says which part it was. A message of one text is given as that text, or with `partsOnly` as a list of one part.
 */
export const templateMessages = (
  messages: ReadonlyArray<Message>,
  known: ReadonlyArray<string>,
  partsOnly = false
): { readonly messages: ReadonlyArray<TemplateMessage>; readonly bare: ReadonlyArray<Part>; readonly placed: ReadonlyArray<Part> } => {
  const [bare, placed]: [Array<Part>, Array<Part>] = [[], []]
  const partOf = (part: Part): TemplatePart => {
    if (part._tag === "Text") return { type: "text", text: part.text }
    const modality = modalityOf(part)
    if (known.includes(modality)) {
      placed.push(part)
      return { type: modality }
    }
    bare.push(part)
    return { type: "bare", index: bare.length - 1 }
  }
  return {
    messages: messages.map(({ content, role }) => ({
      role,
      content:
        !partsOnly && content.every(({ _tag }) => _tag === "Text") && content.length === 1 && content[0]._tag === "Text" ? content[0].text : content.map(partOf)
    })),
    bare,
    placed
  }
}

/** Indexes of planned media for one part. */
export type IndexesOf = PlannedParts["of"]
