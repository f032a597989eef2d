import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Tensor } from "../../src/tensor/tensor.ts"
import { checkpoints } from "./changed-checkpoint.ts"

/** The upper halves of float32 numbers. */
const halvesOf = (data: Float32Array): Uint16Array => Uint16Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length), (bits) => bits >>> 16)

/** bfloat16 numbers as float32. */
const widened = (halves: Uint16Array): Float32Array => new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)

const bfloat16 = (shape: ReadonlyArray<number>, data: Float32Array): Tensor => ({ dtype: "bfloat16", shape, data: halvesOf(data) })

/** Families, the tensor of their token table, its width, and each kind of attention's base, channels of a head, and factor, as config.json has them. */
const families = [
  ["qwen2", "model.embed_tokens.weight", 64, 1, [[1e6, 16, 1]]],
  [
    "gemma3",
    "language_model.model.embed_tokens.weight",
    64,
    8,
    [
      [1e6, 24, 8],
      [1e4, 24, 1]
    ]
  ],
  ["idefics3/smolvlm", "model.text_model.embed_tokens.weight", 64, 1, [[1e5, 16, 1]]]
] as const

describe.each(families)("%s in bfloat16", (family, table, width, scale, kinds) => {
  const { changeTensors, open, run } = checkpoints(family)

  it("has its weights widened bit by bit, and rotary frequencies in float32, whatever a checkpoint stores of them", async () => {
    const stored = new Map<string, Uint16Array>()
    const folder = await changeTensors((tensors) => {
      for (const [name, tensor] of Array.from(tensors)) {
        if (tensor.dtype !== "float32") continue
        tensors.set(name, bfloat16(tensor.shape, tensor.data))
        stored.set(name, halvesOf(tensor.data))
      }
      // As older versions of transformers saved it.
      tensors.set(
        table.replace("embed_tokens.weight", "layers.0.self_attn.rotary_emb.inv_freq"),
        bfloat16([kinds[0][1] / 2], new Float32Array(kinds[0][1] / 2).fill(0.3))
      )
    })
    await run(
      Effect.gen(function* () {
        const model = yield* open(folder)
        const rows = widened(stored.get(table) ?? new Uint16Array())
        expect(yield* model.decoder.embed(Int32Array.of(3, 9))).toEqual(
          Float32Array.from([...rows.subarray(3 * width, 4 * width), ...rows.subarray(9 * width, 10 * width)], (value) => value * scale)
        )
        // inv_freq of transformers' `LlamaRotaryEmbedding`: theta ** (-2i / channels), divided by the factor of linear scaling.
        const own = model.family.attention.map(({ rotary }) => Array.from(rotary(100).frequencies))
        expect(own.length).toBe(kinds.length)
        kinds.forEach(([theta, channels, factor], kind) => {
          expect(own[kind].length).toBe(channels / 2)
          own[kind].forEach((frequency, pair) => expect(Math.abs(frequency * factor * theta ** ((2 * pair) / channels) - 1)).toBeLessThan(1e-7))
        })
      })
    )
  })
})
