"""Golden folder for Gemma 3 with images. Usage, from the repository root:
python test/golden/gemma3/gemma3.py test/golden/gemma3 [--seed N]. Needs torch 2.13, torchvision 0.28, transformers 5.18."""
import argparse, glob, json, os, re, sys, tempfile
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import processors
from transformers import (AutoProcessor, Gemma3Config, Gemma3ForConditionalGeneration, Gemma3ImageProcessor, Gemma3Processor, PreTrainedTokenizerFast)
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import draw, enliven, rows, train_bpe, write_case

SPECIALS = ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"]
# As the published one: a system message is put before the first user turn, texts are trimmed, the assistant is called model.
TEMPLATE = ("{{ bos_token }}{%- set lead = '' -%}{%- set turns = messages -%}{%- if messages[0]['role'] == 'system' -%}{%- set turns = messages[1:] -%}"
    "{%- if messages[0]['content'] is string -%}{%- set lead = messages[0]['content'] + '\n\n' -%}{%- else -%}"
    "{%- set lead = messages[0]['content'][0]['text'] + '\n\n' -%}{%- endif -%}{%- endif -%}"
    "{%- for m in turns -%}{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('Roles must alternate user/assistant') }}{%- endif -%}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + (lead if loop.first else '') }}"
    "{%- if m['content'] is string -%}{{ m['content'] | trim }}{%- else -%}{%- for c in m['content'] -%}"
    "{%- if c['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif c['type'] == 'text' -%}{{ c['text'] | trim }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{{ '<end_of_turn>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}")
PUBLISHED = re.compile(r"language_model\.(model\.(embed_tokens|layers|norm)\.|lm_head\.weight$)|vision_tower\.vision_model\.(embeddings|encoder|post_layernorm)\.|"
    r"multi_modal_projector\.(mm_input_projection_weight$|mm_soft_emb_norm\.weight$)")

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

def build(folder, seed, *, hidden=64, layers=4, heads=4, kv_heads=2, head_dim=24, mlp=128, query_scalar=32, tied=True, window=16, pattern=3, rope=None,
          vision=(32, 2, 2), image_size=56, patch=7, image_tokens=16, shards=1, dtype=torch.float32, published_layout=False):
    """Writes checkpoint/ and returns (model read back from it in float32, processor). vision = (width, depth, heads); every pattern-th layer is full;
    rope = (base of full layers, base of sliding layers, linear factor of full layers), None: the published 1e6, 1e4, 8."""
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tok.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", ids["<bos>"])])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", extra_special_tokens=dict(
        boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>"))
    image_processor = Gemma3ImageProcessor(size=dict(height=image_size, width=image_size))
    processor = Gemma3Processor(image_processor, tokenizer, chat_template=TEMPLATE, image_seq_length=image_tokens)
    processor.save_pretrained(path)
    if published_layout:  # published checkpoints keep the image settings in preprocessor_config.json
        with open(f"{path}/preprocessor_config.json", "w") as f: json.dump({**image_processor.to_dict(), "image_seq_length": image_tokens, "processor_class": "Gemma3Processor"}, f, indent=1)
        with open(f"{path}/processor_config.json", "w") as f: json.dump(dict(image_seq_length=image_tokens, processor_class="Gemma3Processor"), f, indent=1)
    scaling = dict(rope_scaling=dict(factor=rope[2] if rope else 8.0, rope_type="linear"), **(dict(rope_theta=rope[0], rope_local_base_freq=rope[1]) if rope else {}))
    untied = {} if tied else dict(tie_word_embeddings=False)  # the published files leave true unsaid
    config = dict(architectures=["Gemma3ForConditionalGeneration"], boi_token_index=ids["<start_of_image>"], eoi_token_index=ids["<end_of_image>"],
        eos_token_id=[ids["<eos>"], ids["<end_of_turn>"]], image_token_index=ids["<image_soft_token>"], initializer_range=0.02, mm_tokens_per_image=image_tokens,
        model_type="gemma3", **untied, text_config=dict(hidden_size=hidden, intermediate_size=mlp, model_type="gemma3_text", num_hidden_layers=layers,
            num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=head_dim, query_pre_attn_scalar=query_scalar, sliding_window=window,
            sliding_window_pattern=pattern, vocab_size=(len(tokenizer) + 15) // 16 * 16, bos_token_id=ids["<bos>"], eos_token_id=ids["<eos>"],
            pad_token_id=ids["<pad>"], **scaling, **untied),
        torch_dtype=str(dtype).removeprefix("torch."), vision_config=dict(hidden_size=vision[0], image_size=image_size, intermediate_size=vision[0] * 3,
            model_type="siglip_vision_model", num_attention_heads=vision[2], num_hidden_layers=vision[1], patch_size=patch, vision_use_head=False))
    with open(f"{path}/config.json", "w") as f: json.dump(config, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(bos_token_id=ids["<bos>"], eos_token_id=[ids["<eos>"], ids["<end_of_turn>"]], pad_token_id=ids["<pad>"], do_sample=False), f)
    model = Gemma3ForConditionalGeneration(Gemma3Config.from_pretrained(path)).eval()
    enliven(model, seed)
    with torch.no_grad():  # embeddings are scaled by sqrt(width) on reading; positions as loud as patches
        model.get_input_embeddings().weight.mul_(hidden ** -0.5)
        model.model.vision_tower.embeddings.position_embedding.weight.mul_(vision[0] ** 0.5)
        if tied:  # the last norm (1 + weight) with random signs, or the model would only repeat its last token
            last = model.model.language_model.norm.weight
            last.copy_((1 + last) * (torch.randint(0, 2, (hidden,), generator=torch.Generator().manual_seed(seed)) * 2 - 1) - 1)
    write_weights(model, path, dtype, shards)
    model, info = Gemma3ForConditionalGeneration.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval(), AutoProcessor.from_pretrained(path)

def case(folder, name, model, processor, messages, *, tokens=10, probe=True, pan_and_scan=None, notes=None):
    """Runs one conversation and writes its case. pan_and_scan = (min crop size, max crops, min ratio), None: off. notes: said in the options."""
    parts = [p for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] != "text"]
    images = [Image.open(f"{folder}/media/{p['path']}").convert("RGB") for p in parts]
    pan = dict(do_pan_and_scan=True, pan_and_scan_min_crop_size=pan_and_scan[0], pan_and_scan_max_num_crops=pan_and_scan[1],
        pan_and_scan_min_ratio_to_activate=pan_and_scan[2]) if pan_and_scan else dict(do_pan_and_scan=False)
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    # The template begins with <bos>; like apply_chat_template(tokenize=True), do not let the tokenizer put a second one.
    inputs = processor(text=[prompt], images=[images] if images else None, add_special_tokens=False, return_tensors="pt", **(pan if images else {}))
    tensors, spans = dict(input_ids=inputs["input_ids"][0]), []
    run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
    with torch.no_grad():
        crops = processor.image_processor(images, return_tensors="pt", **pan)["num_crops"].tolist() if images else []
        for i, n in enumerate(crops):
            first = sum(crops[:i]) + i; spans.append(slice(first, first + n + 1))
            pixels = inputs["pixel_values"][spans[i]]; key = f"media.{i}.image"
            tensors[f"{key}.features"], tensors[f"{key}.embeddings"] = pixels, rows(model.get_image_features(pixels))
            if pan_and_scan:
                w, h = images[i].size
                tensors[f"{key}.slices"] = torch.tensor([0, 0] if not n else [1, n] if w >= h else [n, 1])
        assert not images or spans[-1].stop == len(inputs["pixel_values"])
        out = model.generate(**inputs, **run)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        for i, span in enumerate(spans if probe else []):  # the answer must depend on every picture
            pixels = inputs["pixel_values"].clone(); pixels[span] += .5 * torch.randn(pixels[span].shape, generator=torch.Generator().manual_seed(i))
            moved = torch.cat(model.generate(**{**inputs, "pixel_values": pixels}, **{**run, "max_new_tokens": 1}).logits)
            delta = (moved - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with picture {i} ({delta})"
    def camel(s): return re.sub(r"_(\w)", lambda m: m[1].upper(), s)
    write_case(folder, name, reference=f"transformers {transformers.__version__} Gemma3ForConditionalGeneration, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens, **{camel(k): v for k, v in pan.items()}, **(notes or {})), prompt=prompt,
        text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def say(role, *parts): return dict(role=role, content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=11); a = a.parse_args()
    model, processor = build(a.out, a.seed)
    m = f"{a.out}/media"
    for n, (file, w, h) in enumerate([("a.png", 130, 90), ("tall.png", 60, 150), ("large.png", 420, 130)]): draw(f"{m}/{file}", w, h, a.seed + n)
    go = lambda name, *messages, **k: case(a.out, name, model, processor, list(messages), **k)
    go("text", say("user", "What is in the picture? Answer briefly, please. I do not know."))
    go("image", say("user", ("image", "a.png"), "What is in the picture?"))
    go("two_images", say("user", "First ", ("image", "a.png"), "second", ("image", "tall.png"), "How many circles are there?"))
    go("large_image", say("user", ("image", "large.png"), "What is in the picture?"), pan_and_scan=(48, 4, 1.2))
    go("multi_turn", say("system", "You are a helpful assistant."), say("user", ("image", "a.png"), "What is in the picture?"), say("assistant", "The red square."),
        say("user", "And here?", ("image", "tall.png")))
