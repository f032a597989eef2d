"""Golden folder for MiniCPM-V 4.6. Usage, from the repository root:
python test/golden/minicpmv/minicpmv4_6.py test/golden/minicpmv/4_6 [--seed N]. Needs torch 2.13, transformers 5.18; --reference is accepted and unused.

The published checkpoint's decoder (qwen3_5_text) mixes linear attention layers in; the class takes any text config, and these use qwen3 or qwen2.
The reference's window merger assumes one patch grid for all pictures of a call (it raises, or shuffles tokens, where an overview and its slices
differ), so each overview and each slice goes through the published tower alone; where the grids do agree, the packed call is checked to say the same.
Transformers' 4.7 tower, whose merger takes mixed grids, agrees with this to 1e-6 on packed calls.
The default seed is the first from 7 at which no step's two best logits are near a tie."""
import argparse, json, math, os, random, sys
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import MiniCPMV4_6Config, MiniCPMV4_6ForConditionalGeneration, MiniCPMV4_6ImageProcessor, MiniCPMV4_6Processor, Qwen2TokenizerFast
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.minicpmv4_6.video_processing_minicpmv4_6 import MiniCPMV4_6VideoProcessor
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import draw, enliven, round_weights, train_bpe, write_case

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<image>", "</image>", "<slice>", "</slice>",
    "<image_id>", "</image_id>"]
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|image_pad|>{% elif c['type'] == 'video' %}<|video_pad|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

def build(folder, seed, *, hidden=64, layers=2, heads=4, kv_heads=2, text="qwen3", tied=False, vision=(32, 3, 2), insert=1, merger_times=1, patch=8,
          scale=80, max_slices=9, use_image_id=True, downsample="16x", shards=1, dtype=torch.float32):
    """Writes checkpoint/ and returns (model in float32, processor). vision = (width, depth, heads); insert = the layer that the window merger follows."""
    tok = train_bpe(SPECIALS, vocab_size=500)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = Qwen2TokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, extra_special_tokens=dict(
        image_token="<|image_pad|>", video_token="<|video_pad|>", image_start_token="<image>", image_end_token="</image>", slice_start_token="<slice>",
        slice_end_token="</slice>", image_id_start_token="<image_id>", image_id_end_token="</image_id>"))
    vocab = (len(tokenizer) + 15) // 16 * 16
    sizes = dict(max_slice_nums=max_slices, scale_resolution=scale, patch_size=patch, downsample_mode=downsample, use_image_id=use_image_id)
    processor = MiniCPMV4_6Processor(MiniCPMV4_6ImageProcessor(**sizes), MiniCPMV4_6VideoProcessor(**{**sizes, "max_slice_nums": 1, "slice_mode": False}),
        tokenizer, chat_template=TEMPLATE)
    rope = dict(rope_type="default", rope_theta=1000000.0)
    decoder = dict(model_type=text, vocab_size=vocab, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=32768, rope_parameters=rope, use_sliding_window=False, tie_word_embeddings=tied,
        bos_token_id=None, eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"])
    if text == "qwen3": decoder["head_dim"] = hidden // heads
    config = MiniCPMV4_6Config(text_config=decoder, vision_config=dict(hidden_size=vision[0], intermediate_size=vision[0] * 3, num_hidden_layers=vision[1],
        num_attention_heads=vision[2], image_size=patch * 16, patch_size=patch), insert_layer_id=insert, image_size=scale, merger_times=merger_times,
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"], downsample_mode=downsample, tie_word_embeddings=tied)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = MiniCPMV4_6ForConditionalGeneration(config).eval()
    enliven(model, seed)
    if tied:  # so that the answer is more than an echo of the last token
        with torch.no_grad(): model.get_input_embeddings().weight.mul_(.15)
        model.tie_weights()
    round_weights(model, dtype)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    processor.save_pretrained(path)
    sd = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    out = config.to_dict()
    for key in ("transformers_version", "_attn_implementation"): out.pop(key, None)
    with open(f"{path}/config.json", "w") as f:
        json.dump({**out, "architectures": ["MiniCPMV4_6ForConditionalGeneration"], "dtype": str(dtype).removeprefix("torch.")}, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False), f)
    return model, processor

def opened(path):
    """The picture as RGB. All of these families' published code says convert("RGB"): alpha is dropped, not laid onto white."""
    from PIL import Image
    return Image.open(path).convert("RGB")

def slicing(path, decide, seed, limits):
    """slicing.json: what [decide](width, height, limit) says for 200 random sizes and some exact ties, at the published settings."""
    rng, rows = random.Random(seed), []
    ties = [(a * k, b * k) for a, b in ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (4, 1), (1, 4)) for k in (448, 512, 640, 672)]
    for i in range(200 + len(ties)):
        size = lambda: int(math.exp(rng.uniform(math.log(2 if i % 10 == 0 else 40), math.log(4000))))
        w, h, limit = (size(), size(), limits[i % len(limits)]) if i < 200 else (*ties[i - 200], limits[0])
        rows.append(dict(width=w, height=h, limit=limit, **decide(w, h, limit)))
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f: f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")

def decide(w, h, limit, scale=448, patch=14):
    """The published processor's choice: rows and cols, and [height, width] in pixels of the overview and of one slice."""
    p = MiniCPMV4_6ImageProcessor()
    grid = p.get_sliced_grid((h, w), limit, scale)
    out = dict(rows=0, cols=0, overview=list(p.find_best_resize((h, w), scale, patch, allow_upscale=grid is None)))
    if grid:
        H, W = p.get_refine_size((h, w), grid, scale, patch, allow_upscale=True)
        out.update(rows=grid[0], cols=grid[1], slice=[H // grid[0], W // grid[1]])
    return out

def case(folder, name, model, processor, messages, *, tokens=10, downsample=None, max_slices=None):
    """Runs one conversation and writes its case. Media are read from folder/media."""
    images = [opened(f"{folder}/media/{p['path']}") for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] == "image"]
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    knobs = {k: v for k, v in dict(downsample_mode=downsample, max_slice_nums=max_slices).items() if v is not None}
    inputs = processor(text=prompt, images=images or None, return_tensors="pt", **({"images_kwargs": knobs} if images and knobs else {}))
    tensors = dict(input_ids=inputs["input_ids"][0].long())
    mode = downsample or model.config.downsample_mode
    patch = model.config.vision_config.patch_size

    def embed(pixels, sizes):
        """One row block per overview or slice, each through the tower alone."""
        packs = torch.split(pixels, (sizes.prod(-1) * patch).tolist(), dim=-1)
        return [model.get_image_features(p, s[None], downsample_mode=mode).pooler_output[0] for p, s in zip(packs, sizes)]

    def answer(blocks, n):
        """Greedy, through the published forward; the pictures go in as its mm_encoder_outputs."""
        seq, cache, logits = inputs["input_ids"], None, []
        extra = dict(mm_encoder_outputs=dict(image=BaseModelOutputWithPooling(pooler_output=blocks))) if blocks else {}
        step = seq
        for _ in range(n):
            out = model(input_ids=step, past_key_values=cache, use_cache=True, **extra)
            extra, cache = {}, out.past_key_values
            logits.append(out.logits[:, -1]); step = out.logits[:, -1].argmax(-1, keepdim=True)
            if int(step) == processor.tokenizer.eos_token_id: break
        return torch.cat(logits), torch.cat(logits).argmax(-1)

    with torch.no_grad():
        blocks = []
        if images:
            sizes, at = inputs["target_sizes"].long(), 0
            blocks, start = embed(inputs["pixel_values"], sizes), 0
            if len({tuple(s) for s in sizes.tolist()}) == 1:
                packed = model.get_image_features(inputs["pixel_values"], sizes, downsample_mode=mode).pooler_output
                assert max((a - b).abs().max() for a, b in zip(blocks, packed)) < 1e-4
            limit = max_slices or processor.image_processor.max_slice_nums
            for i, im in enumerate(images):
                grid = processor.image_processor.get_sliced_grid(im.size[::-1], limit, processor.image_processor.scale_resolution) or [0, 0]
                n = 1 + grid[0] * grid[1]; length = int(sizes[at:at + n].prod(-1).sum()) * patch
                tensors[f"media.{i}.image.slices"] = torch.tensor(grid)
                tensors[f"media.{i}.image.sizes"] = sizes[at:at + n]
                tensors[f"media.{i}.image.features"] = inputs["pixel_values"][0, :, :, start:start + length]
                tensors[f"media.{i}.image.embeddings"] = torch.cat(blocks[at:at + n])
                at, start = at + n, start + length
            assert at == len(sizes) and start == inputs["pixel_values"].shape[-1]
        tensors["logits"], tensors["tokens"] = answer(blocks, tokens)
        if images:  # the answer must depend on the media
            noise = torch.randn(inputs["pixel_values"].shape, generator=torch.Generator().manual_seed(1))
            delta = (answer(embed(inputs["pixel_values"] + .5 * noise, sizes), 1)[0] - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    options = dict(maxNewTokens=tokens, **({"downsampleMode": downsample} if downsample else {}), **({"maxSliceNums": max_slices} if max_slices else {}))
    write_case(folder, name, reference=f"transformers {transformers.__version__} MiniCPMV4_6ForConditionalGeneration, float32, cpu, one picture or slice a call of the tower",
        messages=messages, options=options, prompt=prompt, text=processor.tokenizer.decode(tensors["tokens"], skip_special_tokens=True), tensors=tensors)

def user(*parts): return [dict(role="user", content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=11); a.add_argument("--reference"); a = a.parse_args()
    model, processor = build(a.out, a.seed)
    m = f"{a.out}/media"
    draw(f"{m}/small.png", 90, 70, a.seed); draw(f"{m}/large.png", 230, 140, a.seed + 1); draw(f"{m}/tall.png", 90, 260, a.seed + 2)
    slicing(f"{a.out}/slicing.json", decide, a.seed, (9, 4, 1))
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "small.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"))
    go("tall_image", user("Describe it.", ("image", "tall.png")))
    go("two_images", user(("image", "tall.png"), "and", ("image", "small.png"), "Which is larger?"), max_slices=2)
    go("image_4x", user(("image", "small.png"), "What is in the picture?"), downsample="4x")
