"""Golden folder for Llama 3.2 Vision (mllama). Usage, from the repository root:
python test/golden/mllama/mllama.py test/golden/mllama [--seed N]. Needs torch 2.13, transformers 5.18.

An image takes one token in the prompt. Its tiles are read by the cross-attention layers as keys and values; `embeddings` holds those
states after the projector, tile by tile, class token first, the padding tiles cut: [tiles * (patches + 1), width]. The padding tiles are
computed all the same: the vision tower masks padding from padding only, so they move the others.
The embedding table has 8 rows more than lm_head, the image token being the first of them, so nothing is ever tied."""
import argparse, json, os, sys
import torch
from safetensors.torch import save_file
from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaImageProcessor, MllamaProcessor, PreTrainedTokenizerFast
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import draw, enliven, round_weights, train_bpe, write_case

SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|finetune_right_pad_id|>",
    "<|image|>"]  # the last one: its id is the language model's vocab_size
TEMPLATE = ("{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{% if m['content'] is string %}{{ m['content'] | trim }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|image|>{% else %}{{ c['text'] | trim }}{% endif %}{% endfor %}{% endif %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}")
RENAMES = [("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."), ("model.", "")]  # transformers' prefix -> the published one

def published(name):
    for ours, theirs in RENAMES:
        if name.startswith(ours): return theirs + name[len(ours):]
    return name

def build(folder, seed, *, hidden=64, layers=5, cross=(1, 3), heads=4, kv_heads=2, rope=(8.0, 64), vision=(32, 4, 2), global_layers=2, intermediate=(0, 2), image_size=42, patch=14,
          max_tiles=4, shards=1, dtype=torch.float32):
    """Writes checkpoint/ and returns (model in float32, processor). vision = (width, depth, heads); cross = the cross-attention layers;
    intermediate = the vision layers whose outputs are read too; rope = (factor, original positions) of the llama3 scaling."""
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", pad_token="<|finetune_right_pad_id|>")
    vocab = ids["<|image|>"]
    assert vocab + 1 == len(tokenizer)
    image_processor = MllamaImageProcessor(size=dict(height=image_size, width=image_size), max_image_tiles=max_tiles,
        image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711])
    processor = MllamaProcessor(image_processor, tokenizer, chat_template=TEMPLATE)
    ratios = [[w, h] for w in range(1, max_tiles + 1) for h in range(1, max_tiles + 1) if w * h <= max_tiles]
    scaling = dict(factor=rope[0], high_freq_factor=4.0, low_freq_factor=1.0, original_max_position_embeddings=rope[1], rope_type="llama3")
    config = MllamaConfig(
        vision_config=dict(hidden_size=vision[0], num_hidden_layers=vision[1], attention_heads=vision[2], num_global_layers=global_layers, intermediate_size=vision[0] * 4,
            vision_output_dim=vision[0] * (1 + len(intermediate)), image_size=image_size, patch_size=patch, max_num_tiles=max_tiles,
            intermediate_layers_indices=list(intermediate), supported_aspect_ratios=ratios),
        text_config=dict(vocab_size=vocab, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
            cross_attention_layers=list(cross), max_position_embeddings=131072, rope_parameters=dict(rope_theta=500000.0, **scaling), tie_word_embeddings=False,
            bos_token_id=ids["<|begin_of_text|>"], eos_token_id=ids["<|eot_id|>"], pad_token_id=ids["<|finetune_right_pad_id|>"]),
        image_token_index=vocab, tie_word_embeddings=False)
    for c in (config, config.vision_config, config.text_config): c._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = MllamaForConditionalGeneration(config).eval()
    enliven(model, seed)
    g = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if n.endswith(("gate", "gate_attn", "gate_ffn")): p.copy_((.5 + .7 * torch.rand(1, generator=g)) * (1 - 2 * torch.randint(0, 2, (1,), generator=g)))
            if "tile" in n and n.endswith("embedding.weight"): p.mul_(p.shape[1] ** .5 * .5)  # tables, not matrices
    round_weights(model, dtype)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    processor.save_pretrained(path)
    os.remove(f"{path}/processor_config.json")
    with open(f"{path}/preprocessor_config.json", "w") as f:
        json.dump(dict(do_convert_rgb=True, do_normalize=True, do_pad=True, do_rescale=True, do_resize=True, image_mean=image_processor.image_mean,
            image_processor_type="MllamaImageProcessor", image_std=image_processor.image_std, max_image_tiles=max_tiles, resample=2, rescale_factor=1 / 255,
            size=dict(height=image_size, width=image_size), processor_class="MllamaProcessor"), f, indent=1)
    sd = {published(k): v.to(dtype).contiguous() for k, v in model.state_dict().items()}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    kind = str(dtype).removeprefix("torch.")
    main = config.to_dict()
    for part in (main, main["vision_config"], main["text_config"]):
        for key in ("transformers_version", "_attn_implementation", "dtype"): part.pop(key, None)
        part["torch_dtype"] = kind
    text = main["text_config"]; text.pop("rope_parameters"); text.update(rope_theta=500000.0, rope_scaling=scaling)
    main.update(architectures=["MllamaForConditionalGeneration"], image_token_index=vocab); main.pop("image_token_id", None)
    with open(f"{path}/config.json", "w") as f: json.dump(main, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(bos_token_id=ids["<|begin_of_text|>"], eos_token_id=[ids["<|end_of_text|>"], ids["<|eom_id|>"], ids["<|eot_id|>"]],
            pad_token_id=ids["<|finetune_right_pad_id|>"], do_sample=False), f)
    return model, processor

def case(folder, name, model, processor, messages, *, tokens=10, probe=True):
    """Runs one conversation and writes its case. Media are read from folder/media. An image's features are its tiles, row by row; its grid
    is [1, rows of tiles, columns of tiles]."""
    from PIL import Image
    images = []
    for part in (p for m in messages if not isinstance(m["content"], str) for p in m["content"]):
        if part["type"] == "image": images.append(Image.open(f"{folder}/media/{part['path']}")); images[-1].load()
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = processor(text=prompt, images=images or None, return_tensors="pt")
    tensors = dict(input_ids=inputs["input_ids"][0])
    with torch.no_grad():
        run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
        states = []  # the projector's answer, [1, images, tiles, patches + 1, width]
        hook = model.model.multi_modal_projector.register_forward_hook(lambda module, args, out: states.append(out))
        out = model.generate(**inputs, **run)
        hook.remove()
        ratios = model.config.vision_config.supported_aspect_ratios
        for i in range(len(images)):
            h, w = ratios[int(inputs["aspect_ratio_ids"][0, i]) - 1]
            tensors[f"media.{i}.image.features"], tensors[f"media.{i}.image.grid"] = inputs["pixel_values"][0, i, :h * w], torch.tensor([1, h, w])
            tensors[f"media.{i}.image.embeddings"] = states[0][0, i, :h * w].flatten(0, 1)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        if probe and images:  # the answer must depend on the media
            moved = {**inputs, "pixel_values": inputs["pixel_values"] + .5 * torch.randn(inputs["pixel_values"].shape, generator=torch.Generator().manual_seed(1))}
            delta = (torch.cat(model.generate(**moved, **{**run, "max_new_tokens": 1}).logits) - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"transformers {transformers.__version__} MllamaForConditionalGeneration, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens), prompt=prompt, text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def user(*parts): return [dict(role="user", content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=21); a = a.parse_args()
    model, processor = build(a.out, a.seed)
    m = f"{a.out}/media"
    draw(f"{m}/a.png", 40, 36, a.seed); draw(f"{m}/large.png", 130, 90, a.seed + 1); draw(f"{m}/b.png", 30, 75, a.seed + 2)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "a.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"))
    go("two_images", user("First", ("image", "a.png"), "then", ("image", "b.png"), "Which of them is red?"))
    go("multi_turn", user(("image", "b.png"), "What is in the picture?") + [dict(role="assistant", content="The red square.")] + user(("image", "large.png"), "And here?"))
