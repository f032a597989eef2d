import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { openCheckpoint } from "../../../src/checkpoint/checkpoint.ts"
import { image } from "../../../src/face/media-values.ts"
import { openTokenizerOf } from "../../../src/session/checkpoint-text.ts"
import { checkpoints, planOf } from "../changed-checkpoint.ts"

const temporary = mkdtempSync(join(tmpdir(), "sensorium-behind-pictures-"))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))
const { file, folder, open, run } = checkpoints("mobilevlm/ldpnetv2")

/** As LLaMA's tokenizers are written since transformers 4.40: the mark stands in front of the first text of a call alone. */
const first = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }

/** A copy of the checkpoint with the newer tokenizer.json, the encoder's checkpoint beside it. */
const newer = (): string => {
  cpSync(join(folder, ".."), temporary, { recursive: true, filter: (path) => !/cases|media/.test(path) })
  const path = join(temporary, "checkpoint", "tokenizer.json")
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), normalizer: null, pre_tokenizer: first }))
  return join(temporary, "checkpoint")
}

describe("text behind a picture", () => {
  it("is tokenized alone, so that LLaMA's leading mark comes back, whichever way the tokenizer writes it (tokenizer_image_token)", () =>
    run(
      Effect.gen(function* () {
        for (const checkpoint of [folder, newer()]) {
          const model = yield* open(checkpoint)
          const tokenizer = yield* Effect.flatMap(openCheckpoint(checkpoint), openTokenizerOf)
          const picture = image(file("media", "small.png"))
          const { plan } = yield* planOf(model, picture, picture, "What is it?")
          const texts = plan.layout.segments.flatMap((segment) => (segment._tag === "Text" ? [Array.from(segment.tokens)] : []))
          // The published conversation: "... USER: <image>\n<image>\nWhat is it? ASSISTANT:", cut at <image>.
          expect(texts.length).toBe(3)
          expect(texts.slice(1)).toEqual(["\n", "\nWhat is it? ASSISTANT:"].map((text) => Array.from(tokenizer.encodeText(text))))
          expect(texts[1][0]).toBe(tokenizer.encodeText(" ")[0])
        }
      })
    ))
})
