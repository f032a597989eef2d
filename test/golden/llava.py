"""Golden folder for LLaVA 1.5 (CLIP, Llama), LLaVA-Interleave (SigLIP, Qwen2; also model type llava) or LLaVA-OneVision. Usage, from the repository root:
python test/golden/llava.py test/golden/llava/clip --model llava [--seed N]
python test/golden/llava.py test/golden/llava/siglip --model llava_siglip
python test/golden/llava.py test/golden/llava_onevision --model llava_onevision
Needs torch 2.13, torchvision 0.28, transformers 5.18."""
import argparse, glob, json, os, re, tempfile
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import processors
from transformers import (AutoProcessor, CLIPImageProcessor, LlavaConfig, LlavaForConditionalGeneration, LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor, LlavaProcessor, PreTrainedTokenizerFast, SiglipImageProcessor)
from transformers.image_processing_utils import select_best_resolution
from golden import clip, draw, enliven, read_frames, rows, train_bpe, write_case

SPECIALS = dict(llava=["<unk>", "<s>", "</s>", "<image>", "<pad>"], llava_onevision=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"],
    llava_siglip=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"])
# As the published ones: a message's pictures come first, then its videos, then its texts, whatever their order.
PICK = "{%- for c in m['content'] | selectattr('type', 'equalto', 'KIND') %}BODY{%- endfor %}"
def each(kind, body): return PICK.replace("KIND", kind).replace("BODY", body)
def texts(body): return "{% if m['role'] != 'assistant' %}" + each("text", body) + "{% else %}" + each("text", "{% generation %}" + body + "{% endgeneration %}") + "{% endif %}"
TEMPLATE = dict(
    llava="{% for m in messages %}{% if m['role'] != 'system' %}{{ m['role'].upper() + ': ' }}{% endif %}" + each("image", "{{ '<image>\n' }}") + texts("{{ c['text'] + ' ' }}") +
        "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    llava_onevision="{% for m in messages %}{{ '<|im_start|>' + m['role'] + ' ' }}" + each("image", "{{ '<image>' }}") + each("video", "{{ '<video>' }}") +
        texts("{{ '\n' + c['text'] }}") + "{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
TEMPLATE["llava_siglip"] = TEMPLATE["llava_onevision"]
PUBLISHED = re.compile(r"language_model\.(model\.(embed_tokens|layers|norm)\.|lm_head\.weight$)|multi_modal_projector\.linear_[12]\.|image_newline$|"
    r"vision_tower\.vision_model\.(embeddings\.|pre_layrnorm\.|encoder\.|post_layernorm\.)")

def write_weights(model, path, dtype, shards):
    """Weights under their published names: save_pretrained takes back the renames it makes on loading, all but the vision tower's; checked."""
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        sd = {re.sub(r"^vision_tower\.(?!vision_model\.)", "vision_tower.vision_model.", n): t.to(dtype).contiguous()
            for f in glob.glob(f"{tmp}/*.safetensors") for n, t in load_file(f).items()}
    assert not (odd := [n for n in sd if not PUBLISHED.match(n)]), odd
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    files = ["model.safetensors"] if shards == 1 else [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    for file, part in zip(files, parts): save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: file for file, part in zip(files, parts) for n in part}), f)

def build(folder, seed, family="llava", *, hidden=64, layers=3, heads=4, kv_heads=2, head_dim=None, mlp=128, theta=None, tied=False, vision=(32, 3, 2), feature_layer=None,
          image_size=None, patch=None, grid=4, max_patches=9, shards=1, dtype=torch.float32, published_layout=False):
    """Writes checkpoint/ and returns (model read back from it in float32, processor). vision = (width, depth, heads). feature_layer: None is the published
    -2 (LLaVA with CLIP) or -1; a list joins several. OneVision may choose any of grid x grid tilings and shrinks what is over max_patches tiles; with SigLIP the image_size is no multiple of patch."""
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    one, siglip, specials = family == "llava_onevision", family != "llava", SPECIALS[family]
    image_size, patch = image_size or (44 if siglip else 56), patch or (8 if siglip else 14)
    tok = train_bpe(specials)
    ids = {s: tok.token_to_id(s) for s in specials}
    bos, eos, pad = (None, "<|im_end|>", "<|endoftext|>") if siglip else ("<s>", "</s>", "<pad>")
    if not siglip: tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", ids["<s>"])])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=bos, eos_token=eos, pad_token=pad, unk_token=None if siglip else "<unk>",
        extra_special_tokens=dict(image_token="<image>", **(dict(video_token="<video>") if one else {})))
    square, per_side = dict(height=image_size, width=image_size), image_size // patch
    pinpoints = [[image_size * r, image_size * c] for r in range(1, grid + 1) for c in range(1, grid + 1)]
    look = dict(size=square, image_mean=[.5, .5, .5], image_std=[.5, .5, .5])
    if one:
        image_processor = LlavaOnevisionImageProcessor(**look, image_grid_pinpoints=pinpoints)
        said = dict(num_image_tokens=per_side ** 2, vision_feature_select_strategy="full", vision_aspect_ratio=f"anyres_max_{max_patches}")
        processor = LlavaOnevisionProcessor(image_processor, tokenizer, LlavaOnevisionVideoProcessor(**look), chat_template=TEMPLATE[family], **said)
    else:
        image_processor = SiglipImageProcessor(**look) if siglip else CLIPImageProcessor(size=dict(shortest_edge=image_size), crop_size=square)
        said = dict(patch_size=patch, vision_feature_select_strategy="full" if siglip else "default", num_additional_image_tokens=0 if siglip else 1)
        processor = LlavaProcessor(image_processor, tokenizer, chat_template=TEMPLATE[family], **said)
    processor.save_pretrained(path)
    if published_layout:  # published checkpoints keep the image settings in preprocessor_config.json, OneVision's the video's in video_preprocessor_config.json
        named = dict(processor_class=type(processor).__name__)
        with open(f"{path}/preprocessor_config.json", "w") as f: json.dump({**image_processor.to_dict(), **named}, f, indent=1)
        if one:
            with open(f"{path}/video_preprocessor_config.json", "w") as f: json.dump({**processor.video_processor.to_dict(), **named}, f, indent=1)
        with open(f"{path}/processor_config.json", "w") as f: json.dump(dict(image_token="<image>", **said, **named, **(dict(video_token="<video>") if one else {})), f, indent=1)
    shape = dict(hidden_size=hidden, intermediate_size=mlp, num_attention_heads=heads, num_hidden_layers=layers, num_key_value_heads=kv_heads,
        vocab_size=(len(tokenizer) + 15) // 16 * 16, tie_word_embeddings=tied, **(dict(head_dim=head_dim) if head_dim else {}))
    tower = dict(hidden_size=vision[0], image_size=image_size, intermediate_size=vision[0] * 3, num_attention_heads=vision[2], num_hidden_layers=vision[1], patch_size=patch)
    config = dict(architectures=[f"Llava{'Onevision' if one else ''}ForConditionalGeneration"], ignore_index=-100, image_token_index=ids["<image>"], model_type="llava_onevision" if one else "llava",
        pad_token_id=ids[pad], projector_hidden_act="gelu", tie_word_embeddings=tied, torch_dtype=str(dtype).removeprefix("torch."))
    seeing = dict(**tower, model_type="siglip_vision_model", vision_use_head=False) if siglip else dict(**tower, model_type="clip_vision_model", projection_dim=24, vocab_size=32000)
    text = dict(**shape, architectures=["Qwen2ForCausalLM"], bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], max_window_layers=layers,
        max_position_embeddings=32768, model_type="qwen2", rms_norm_eps=1e-06, rope_theta=theta or 1000000.0, sliding_window=131072, use_sliding_window=False) if siglip else dict(
        **shape, architectures=["LlamaForCausalLM"], max_position_embeddings=4096, model_type="llama", rms_norm_eps=1e-05, bos_token_id=ids["<s>"], eos_token_id=ids["</s>"],
        pad_token_id=ids["<pad>"], **(dict(rope_theta=theta) if theta else {}))
    config |= dict(vision_config=seeing, text_config=text, vision_feature_layer=feature_layer or (-1 if siglip else -2), vision_feature_select_strategy="full" if siglip else "default")
    config |= dict(image_grid_pinpoints=pinpoints, use_image_newline_parameter=True, video_token_index=ids["<video>"], vision_aspect_ratio=f"anyres_max_{max_patches}") if one else dict(
        image_seq_length=per_side ** 2)
    with open(f"{path}/config.json", "w") as f: json.dump(config, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(bos_token_id=ids[bos or "<|endoftext|>"], eos_token_id=ids[eos], pad_token_id=ids[pad], do_sample=False), f)
    kind, settings = (LlavaOnevisionForConditionalGeneration, LlavaOnevisionConfig) if one else (LlavaForConditionalGeneration, LlavaConfig)
    model = kind(settings.from_pretrained(path)).eval()
    enliven(model, seed)
    with torch.no_grad():  # positions, class and newline as loud as what stands beside them
        embeddings = model.model.vision_tower.embeddings
        embeddings.position_embedding.weight.mul_(vision[0] ** 0.5)
        if one: model.model.image_newline.mul_(10)
        elif not siglip: embeddings.class_embedding.mul_(10)
        if tied:  # smaller, and the last norm with random signs, or the model would only repeat its last token
            model.get_input_embeddings().weight.mul_(hidden ** -0.25)
            model.model.language_model.norm.weight.mul_(torch.randint(0, 2, (hidden,), generator=torch.Generator().manual_seed(seed)) * 2 - 1)
    write_weights(model, path, dtype, shards)
    model, info = kind.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval(), AutoProcessor.from_pretrained(path)

def case(folder, name, model, processor, messages, *, tokens=10, probe=True, fps=2.0, notes=None):
    """Runs one conversation and writes its case. notes: said in the options. As with apply_chat_template, all pictures are one conversation's, so OneVision
    tiles a picture only where it is the only one."""
    parts = [p for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] != "text"]
    images = [Image.open(f"{folder}/media/{p['path']}").convert("RGB") for p in parts if p["type"] == "image"]
    videos = [torch.from_numpy(read_frames(f"{folder}/media/{p['path']}", fps)[0].copy()).permute(0, 3, 1, 2) for p in parts if p["type"] == "video"]
    one = hasattr(model.config, "image_grid_pinpoints")
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    extra = dict(images=[images]) if images else {}
    if videos: extra |= dict(videos=[videos], do_sample_frames=False)
    inputs = processor(text=[prompt], return_tensors="pt", **extra)  # LLaVA's template has no <s>: the tokenizer puts it
    tensors, spans = dict(input_ids=inputs["input_ids"][0]), []
    run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
    with torch.no_grad():
        if images and one: found = model.model.get_image_features(inputs["pixel_values"], inputs["image_sizes"], batch_num_images=inputs["batch_num_images"]).pooler_output
        elif images: found = model.model.get_image_features(inputs["pixel_values"]).pooler_output
        if videos: seen = model.model.get_video_features(inputs["pixel_values_videos"]).pooler_output
        count = dict(image=0, video=0)
        for i, part in enumerate(parts):
            kind = part["type"]; j = count[kind]; count[kind] += 1; key = f"media.{i}.{kind}"
            if kind == "video":
                spans.append(("pixel_values_videos", j)); tensors[f"{key}.embeddings"] = rows(seen[j])
            elif not one:
                spans.append(("pixel_values", slice(j, j + 1))); tensors[f"{key}.embeddings"] = rows(found[j])
            else:
                side, grid = model.config.vision_config.image_size, [0, 0]
                if len(images) == 1: grid = [n // side for n in select_best_resolution(inputs["image_sizes"][j].tolist(), model.config.image_grid_pinpoints)]
                spans.append(("pixel_values", (j, slice(0, grid[0] * grid[1] + 1)))); tensors[f"{key}.embeddings"] = rows(found[j])
                tensors[f"{key}.slices"] = torch.tensor(grid)
            tensors[f"{key}.features"] = inputs[spans[i][0]][spans[i][1]]
        out = model.generate(**inputs, **run)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        for i, (field, span) in enumerate(spans if probe else []):  # the answer must depend on every picture and video
            pixels = inputs[field].clone(); pixels[span] += .5 * torch.randn(pixels[span].shape, generator=torch.Generator().manual_seed(i))
            moved = torch.cat(model.generate(**{**inputs, field: pixels}, **{**run, "max_new_tokens": 1}).logits)
            delta = (moved - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with {parts[i]['path']} ({delta})"
    write_case(folder, name, reference=f"transformers {transformers.__version__} {type(model).__name__}, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens, **(dict(fps=fps) if videos else {}), **(notes or {})), prompt=prompt,
        text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def say(role, *parts): return dict(role=role, content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--model", choices=list(SPECIALS), default="llava"); a.add_argument("--seed", type=int)
    a = a.parse_args(); a.seed = (19 if a.model == "llava_onevision" else 22) if a.seed is None else a.seed
    model, processor = build(a.out, a.seed, a.model)
    m = f"{a.out}/media"
    for n, (file, w, h) in enumerate([("a.png", 130, 90), ("tall.png", 60, 150), ("large.png", 400, 300)]): draw(f"{m}/{file}", w, h, a.seed + n)
    go = lambda name, *messages, **k: case(a.out, name, model, processor, list(messages), **k)
    go("text", say("user", "What is in the picture?"))
    go("image", say("user", ("image", "a.png"), "What is in the picture?"))
    go("two_images", say("user", "First", ("image", "a.png"), "second", ("image", "tall.png"), "How many circles are there?"))
    go("large_image", say("user", ("image", "large.png"), "What is in the picture?"))
    go("multi_turn", say("user", ("image", "a.png"), "What is in the picture?"), say("assistant", "The red square."), say("user", "And here?", ("image", "tall.png")))
    if a.model == "llava_onevision":
        clip(f"{m}/clip.mkv", 96, 64, 24, 8, a.seed, sound=False)
        go("video", say("user", ("video", "clip.mkv"), "Describe the video."))
        go("image_and_video", say("user", ("image", "tall.png"), ("video", "clip.mkv"), "Describe the video."))
