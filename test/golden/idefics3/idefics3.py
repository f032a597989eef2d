"""Golden folder for Idefics3 or SmolVLM. Usage, from the repository root:
python test/golden/idefics3/idefics3.py test/golden/idefics3/MODEL --model idefics3|smolvlm [--seed N].
Needs torch 2.13, torchvision 0.28, transformers 5.18; smolvlm also num2words 0.5."""
import argparse, glob, json, os, re, subprocess, sys, tempfile
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import processors
from transformers import (AutoProcessor, Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessor, Idefics3Processor, PreTrainedTokenizerFast,
    SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMImageProcessor, SmolVLMProcessor, SmolVLMVideoProcessor)
from transformers.video_utils import VideoMetadata
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import clip, draw, enliven, read_frames, rows, train_bpe, write_case

# Idefics3 spells <global-img> and <row_1_col_1> as plain text; to SmolVLM they are tokens.
SPECIALS = dict(idefics3=["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<fake_token_around_image>", "<image>", "<end_of_utterance>"],
    smolvlm=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<global-img>"] + [f"<row_{r + 1}_col_{c + 1}>" for r in range(6) for c in range(6)] +
        ["<fake_token_around_image>", "<image>", "<end_of_utterance>"])
ROLES = dict(idefics3=("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>"), smolvlm=("<|im_start|>", "<end_of_utterance>", "<|im_end|>"))
# As the published ones: no space after the role where a picture comes first. All contents are lists.
TEMPLATE = ("START{% for m in messages %}{{ m['role'] | capitalize }}{{ ':' if m['content'][0]['type'] == 'image' else ': ' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% elif c['type'] == 'image' %}{{ '<image>' }}{% elif c['type'] == 'video' %}{{ '<video>' }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")
PUBLISHED = re.compile(r"model\.(text_model\.(embed_tokens|layers|norm)|vision_model\.(embeddings|encoder|post_layernorm)|connector\.modality_projection\.proj)\.|lm_head\.weight$")

def write_weights(model, path, dtype, shards):
    """Weights under their published names, which are those of the modules; checked."""
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        sd = {n: t.to(dtype).contiguous() for f in glob.glob(f"{tmp}/*.safetensors") for n, t in load_file(f).items()}
    assert not (odd := [n for n in sd if not PUBLISHED.match(n)]), odd
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    files = ["model.safetensors"] if shards == 1 else [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    for file, part in zip(files, parts): save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: file for file, part in zip(files, parts) for n in part}), f)

def build(folder, seed, family="idefics3", *, hidden=64, layers=3, heads=4, kv_heads=2, head_dim=None, mlp=128, theta=None, tied=False, vision=(32, 2, 2),
          image_size=56, patch=14, scale=2, tiles=2, shards=1, dtype=torch.float32, published_layout=False):
    """Writes checkpoint/ and returns (model read back from it in float32, processor). vision = (width, depth, heads); a picture's longer side becomes
    tiles x image_size; scale = how many patches a side are folded into one row of embeddings."""
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    smol, specials, (bos, eos, pad) = family == "smolvlm", SPECIALS[family], ROLES[family]
    tok = train_bpe(specials)
    ids = {s: tok.token_to_id(s) for s in specials}
    if not smol:  # as Llama 3's tokenizer
        tok.post_processor = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, ids[bos])])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=bos, eos_token=eos, pad_token=pad, extra_special_tokens=dict(fake_image_token="<fake_token_around_image>",
        image_token="<image>", end_of_utterance_token="<end_of_utterance>", global_image_token="<global-img>") if smol else {})
    half = [.5, .5, .5]  # both families' published mean and deviation
    settings = dict(size=dict(longest_edge=tiles * image_size), max_image_size=dict(longest_edge=image_size), do_image_splitting=True, image_mean=half, image_std=half)
    image_processor = (SmolVLMImageProcessor if smol else Idefics3ImageProcessor)(**settings)
    sequence, template = (image_size // patch) ** 2 // scale ** 2, TEMPLATE.replace("START", bos)
    sampling = dict(fps=1, max_frames=64, video_size=dict(longest_edge=image_size))
    if smol:
        video_processor = SmolVLMVideoProcessor(size=sampling["video_size"], max_image_size=settings["max_image_size"], video_sampling=sampling, image_mean=half, image_std=half)
        processor = SmolVLMProcessor(image_processor, tokenizer, video_processor, image_seq_len=sequence, chat_template=template)
    else:
        processor = Idefics3Processor(image_processor, tokenizer, image_seq_len=sequence, chat_template=template)
    processor.save_pretrained(path)
    if published_layout:  # published checkpoints keep the image settings in preprocessor_config.json, SmolVLM's the video's too
        named = dict(processor_class=type(processor).__name__)
        with open(f"{path}/preprocessor_config.json", "w") as f: json.dump({**image_processor.to_dict(), **(dict(video_sampling=sampling) if smol else {}), **named}, f, indent=1)
        with open(f"{path}/processor_config.json", "w") as f: json.dump(dict(image_seq_len=sequence, **named), f, indent=1)
    vocab = (len(tokenizer) + 15) // 16 * 16
    text = dict(architectures=["VLlama3ForCausalLM"], bos_token_id=ids[bos], eos_token_id=ids[eos], hidden_size=hidden, intermediate_size=mlp, max_position_embeddings=8192,
        model_type="llama", num_attention_heads=heads, num_hidden_layers=layers, num_key_value_heads=kv_heads, pad_token_id=ids[pad], rms_norm_eps=1e-05, rope_scaling=None,
        rope_theta=theta or (100000 if smol else 500000.0), tie_word_embeddings=tied, vocab_size=vocab, **(dict(head_dim=head_dim) if head_dim else {}))
    config = dict(architectures=[f"{'SmolVLM' if smol else 'Idefics3'}ForConditionalGeneration"], image_token_id=ids["<image>"], model_type=family, pad_token_id=ids[pad],
        scale_factor=scale, text_config=text, tie_word_embeddings=tied, torch_dtype=str(dtype).removeprefix("torch."), use_cache=True, vocab_size=vocab,
        vision_config=dict(hidden_size=vision[0], image_size=image_size, intermediate_size=vision[0] * 3, max_image_size=settings["max_image_size"], size=settings["size"],
            model_type="smolvlm_vision" if smol else "idefics3", num_attention_heads=vision[2], num_hidden_layers=vision[1], patch_size=patch))
    with open(f"{path}/config.json", "w") as f: json.dump(config, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(bos_token_id=ids[bos], eos_token_id=ids["<end_of_utterance>"], pad_token_id=ids[pad], do_sample=False), f)
    kind, settings = (SmolVLMForConditionalGeneration, SmolVLMConfig) if smol else (Idefics3ForConditionalGeneration, Idefics3Config)
    model = kind(settings.from_pretrained(path)).eval()
    enliven(model, seed)
    with torch.no_grad():
        model.model.vision_model.embeddings.position_embedding.weight.mul_(vision[0] ** 0.5)  # as loud as patches
        if tied:  # smaller, and the last norm with random signs, or the model would only repeat its last token
            model.get_input_embeddings().weight.mul_(hidden ** -0.25)
            model.model.text_model.norm.weight.mul_(torch.randint(0, 2, (hidden,), generator=torch.Generator().manual_seed(seed)) * 2 - 1)
    write_weights(model, path, dtype, shards)
    model, info = kind.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval(), AutoProcessor.from_pretrained(path)

def read_video(path, fps):
    """uint8 [k, 3, height, width], picked as README.md says, and where each frame stands in the file: the prompt names the times."""
    frames, _ = read_frames(path, fps)
    stream = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=avg_frame_rate,nb_read_frames",
        "-of", "json", path], capture_output=True, check=True).stdout)["streams"][0]
    n = int(stream["nb_read_frames"]); num, den = map(int, stream["avg_frame_rate"].split("/"))
    picked = torch.linspace(0, n - 1, len(frames)).round().long().tolist()
    return torch.from_numpy(frames.copy()).permute(0, 3, 1, 2), VideoMetadata(total_num_frames=n, fps=num / den, duration=n * den / num, frames_indices=picked)

def case(folder, name, model, processor, messages, *, tokens=10, probe=True, fps=2.0, split=True, notes=None):
    """Runs one conversation and writes its case. split: cut pictures into tiles. notes: said in the options. The processor takes pictures or videos, not both."""
    parts = [p for m in messages for p in m["content"] if p["type"] != "text"]
    images = [Image.open(f"{folder}/media/{p['path']}").convert("RGB") for p in parts if p["type"] == "image"]
    videos = [read_video(f"{folder}/media/{p['path']}", fps) for p in parts if p["type"] == "video"]
    assert not (images and videos)
    render = dict(tokenize=False, add_generation_prompt=True, processor_kwargs=dict(do_sample_frames=False))
    prompt = processor.apply_chat_template(messages, **render)
    # SmolVLM's processor puts a template of its own in the place of the checkpoint's when there is a video; here they agree.
    assert prompt == processor.apply_chat_template(messages, chat_template=processor.chat_template, **render)
    extra = dict(images=[images], do_image_splitting=split) if images else {}
    if videos: extra = dict(videos=[[v for v, _ in videos]], video_metadata=[[m for _, m in videos]], do_sample_frames=False)
    # The template begins with the bos token; like apply_chat_template(tokenize=True), do not let the tokenizer put a second one.
    inputs = processor(text=[prompt], add_special_tokens=False, return_tensors="pt", **extra)
    tensors, spans, grids = dict(input_ids=inputs["input_ids"][0]), [], []
    if images:
        cut = processor.image_processor([images], return_row_col_info=True, do_image_splitting=split)
        grids = list(zip(cut["rows"][0], cut["cols"][0]))
    sizes = [r * c + 1 for r, c in grids] + [len(v) for v, _ in videos]
    run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
    with torch.no_grad():
        for i, n in enumerate(sizes):
            spans.append((0, slice(sum(sizes[:i]), sum(sizes[:i + 1]))) if images else (i, slice(0, n)))
            pixels, mask = inputs["pixel_values"][spans[i]], inputs["pixel_attention_mask"][spans[i]]
            assert mask.all(), "padded tiles"
            key = f"media.{i}.{parts[i]['type']}"
            tensors[f"{key}.features"], tensors[f"{key}.embeddings"] = pixels, rows(model.model.get_image_features(pixels[None], mask[None]))
            if images: tensors[f"{key}.slices"] = torch.tensor(grids[i])
        assert not images or spans[-1][1].stop == inputs["pixel_values"].shape[1]
        out = model.generate(**inputs, **run)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        for i, span in enumerate(spans if probe else []):  # the answer must depend on every picture and video
            pixels = inputs["pixel_values"].clone(); pixels[span] += .5 * torch.randn(pixels[span].shape, generator=torch.Generator().manual_seed(i))
            moved = torch.cat(model.generate(**{**inputs, "pixel_values": pixels}, **{**run, "max_new_tokens": 1}).logits)
            delta = (moved - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with {parts[i]['path']} ({delta})"
    write_case(folder, name, reference=f"transformers {transformers.__version__} {type(model).__name__}, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens, doImageSplitting=split, **(dict(fps=fps) if videos else {}), **(notes or {})), prompt=prompt,
        text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def say(role, *parts): return dict(role=role, content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--model", choices=list(SPECIALS), default="idefics3"); a.add_argument("--seed", type=int, default=14)
    a = a.parse_args()
    model, processor = build(a.out, a.seed, a.model)
    m = f"{a.out}/media"
    for n, (file, w, h) in enumerate([("a.png", 130, 90), ("tall.png", 60, 150), ("large.png", 400, 300)]): draw(f"{m}/{file}", w, h, a.seed + n)
    go = lambda name, *messages, **k: case(a.out, name, model, processor, list(messages), **k)
    go("text", say("user", "What is in the picture?"))
    go("image", say("user", ("image", "a.png"), "What is in the picture?"), split=False)
    go("two_images", say("user", "First ", ("image", "a.png"), "second ", ("image", "tall.png"), "How many circles are there?"))
    go("large_image", say("user", ("image", "large.png"), "What is in the picture?"))
    go("multi_turn", say("user", ("image", "a.png"), "What is in the picture?"), say("assistant", "The red square."), say("user", "And here? ", ("image", "tall.png")))
    if a.model == "smolvlm":
        clip(f"{m}/clip.mkv", 96, 64, 24, 8, a.seed, sound=False)
        go("video", say("user", ("video", "clip.mkv"), "Describe the video."))
