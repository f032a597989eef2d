"""Golden folders for Qwen2-VL, Qwen2.5-VL and Qwen3-VL. Usage, from the repository root:
python test/golden/qwen_vl.py test/golden/MODEL --model qwen2_vl|qwen2_5_vl|qwen3_vl [--seed N].
Needs torch 2.13, torchvision, ffmpeg and transformers 4.57.6: its positions and Qwen3-VL's prompt are those that the published weights were trained with; 5.x
changed both."""
import argparse, inspect, json, os, shutil, subprocess, sys, tempfile, textwrap, types
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from transformers import (AutoConfig, AutoModelForImageTextToText, AutoProcessor, Qwen2_5_VLProcessor, Qwen2TokenizerFast, Qwen2VLImageProcessorFast,
    Qwen2VLProcessor, Qwen2VLVideoProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX
from transformers.video_utils import VideoMetadata
from golden import clip, draw, enliven, read_frames, rows, train_bpe, write_case

assert transformers.__version__ == "4.57.6", "other versions give other positions"

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
TOOLS = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]
THINK = ["<tool_response>", "</tool_response>", "<think>", "</think>"]
SYSTEM = "{% if loop.first and m['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"

def template(system):
    """The published shape: an optional default system turn, `add_vision_id` numbering, one placeholder a medium."""
    part = lambda kind, label, pad: (f"c['type'] == '{kind}' or '{kind}' in c %}}{{% set n.{kind} = n.{kind} + 1 %}}"
        f"{{% if add_vision_id %}}{label} {{{{ n.{kind} }}}}: {{% endif %}}<|vision_start|>{pad}<|vision_end|>")
    return ("{% set n = namespace(image=0, video=0) %}{% for m in messages %}" + (SYSTEM if system else "") + "<|im_start|>{{ m['role'] }}\n"
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}{% if " + part("image", "Picture", "<|image_pad|>") +
        "{% elif " + part("video", "Video", "<|video_pad|>") + "{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

# plain: tokens that the published tokenizer adds without the special flag. prefixes: the only beginnings of published tensor names. seed: one with few near ties among the answers.
FAMILIES = dict(
    qwen2_vl=dict(cls="Qwen2VLForConditionalGeneration", processor=Qwen2VLProcessor, video=Qwen2VLVideoProcessor, patch=14, plain=[], system=True, seed=11,
        prefixes=("visual.", "model.embed_tokens.", "model.layers.", "model.norm.", "lm_head.")),
    qwen2_5_vl=dict(cls="Qwen2_5_VLForConditionalGeneration", processor=Qwen2_5_VLProcessor, video=Qwen2VLVideoProcessor, patch=14, plain=TOOLS, system=True, seed=14,
        prefixes=("visual.", "model.embed_tokens.", "model.layers.", "model.norm.", "lm_head.")),
    qwen3_vl=dict(cls="Qwen3VLForConditionalGeneration", processor=Qwen3VLProcessor, video=Qwen3VLVideoProcessor, patch=16, plain=TOOLS + THINK, system=False, seed=18,
        prefixes=("model.visual.", "model.language_model.embed_tokens.", "model.language_model.layers.", "model.language_model.norm.", "lm_head.")))

def build(folder, seed, *, family, hidden=64, layers=3, heads=4, kv_heads=2, head_dim=24, mrope=None, tied=False, vision=(24, 4, 2), merge=2, fullatt=(1, 3),
          window=56, tokens_per_second=2, deepstack=(0, 2), positions=64, theta=30.0, pixels=None, shards=1, dtype=torch.float32, published_layout=True):
    """Writes checkpoint/ and returns (model in float32, processor), both read back from it. vision = (width, depth, heads); pixels: the
    image bounds in merged patches; head_dim, deepstack and positions (a square) are Qwen3-VL's, fullatt, window and tokens_per_second Qwen2.5-VL's. theta is
    small, so that height and width, which get the slower frequencies, show in the logits."""
    f = FAMILIES[family]; three = family == "qwen3_vl"; name = f["processor"].__name__
    mrope, pixels = list(mrope or ((6, 3, 3) if three else (2, 3, 3))), pixels or ((2, 6) if three else (3, 8))
    assert sum(mrope) * 2 == (head_dim if three else hidden // heads), "mrope_section shares out half a head"
    path = f"{folder}/checkpoint"; shutil.rmtree(path, ignore_errors=True); os.makedirs(path)
    tok = train_bpe(SPECIALS)
    tok.add_tokens([AddedToken(t, special=False, normalized=False) for t in f["plain"]])
    tok.normalizer = normalizers.NFC()  # what the published tokenizer.json does before its merges
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    id = tok.token_to_id
    tokenizer = Qwen2TokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, bos_token=None)
    unit = (f["patch"] * merge) ** 2
    shape = dict(patch_size=f["patch"], temporal_patch_size=2, merge_size=merge)
    if three: shape.update(image_mean=[.5] * 3, image_std=[.5] * 3)
    size = dict(shortest_edge=pixels[0] * unit, longest_edge=pixels[1] * unit)
    # Both sizes are given: these classes write what they load into a default that all later ones share.
    image_processor = Qwen2VLImageProcessorFast(size=size, **shape)
    video_processor = f["video"](size=dict(shortest_edge=128 * unit, longest_edge=768 * unit), **shape)
    processor = f["processor"](image_processor, tokenizer, video_processor, chat_template=template(f["system"]))
    processor.save_pretrained(path)
    if published_layout:  # published checkpoints say it in preprocessor_config.json, Qwen3-VL's also in video_preprocessor_config.json
        os.remove(f"{path}/video_preprocessor_config.json")
        shape.update(image_mean=list(image_processor.image_mean), image_std=list(image_processor.image_std))
        bounds = dict(size=size) if three else dict(min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])
        write(f"{path}/preprocessor_config.json", dict(**bounds, **shape, processor_class=name, image_processor_type="Qwen2VLImageProcessor" + ("Fast" if three else "")))
        if three: write(f"{path}/video_preprocessor_config.json", dict(size=dict(video_processor.size), **shape, processor_class=name, video_processor_type="Qwen3VLVideoProcessor"))
    stored = str(dtype).removeprefix("torch.")
    text = dict(vocab_size=(len(tokenizer) + 15) // 16 * 16, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, hidden_act="silu", max_position_embeddings=32768, initializer_range=.02, rms_norm_eps=1e-6, attention_dropout=0.0,
        use_cache=True, bos_token_id=id("<|endoftext|>"), eos_token_id=id("<|im_end|>"), rope_theta=theta)
    see = dict(depth=vision[1], num_heads=vision[2], patch_size=f["patch"], spatial_merge_size=merge, temporal_patch_size=2)
    top = dict(architectures=[f["cls"]], model_type=family, image_token_id=id("<|image_pad|>"), video_token_id=id("<|video_pad|>"),
        vision_start_token_id=id("<|vision_start|>"), vision_end_token_id=id("<|vision_end|>"), tie_word_embeddings=tied)
    if three:
        config = dict(**top, text_config=dict(**text, model_type="qwen3_vl_text", attention_bias=False, dtype=stored, head_dim=head_dim, tie_word_embeddings=tied,
            rope_scaling=dict(mrope_interleaved=True, mrope_section=mrope, rope_type="default")), vision_config=dict(**see, model_type="qwen3_vl",
            deepstack_visual_indexes=list(deepstack), hidden_act="gelu_pytorch_tanh", hidden_size=vision[0], in_channels=3, initializer_range=.02,
            intermediate_size=vision[0] * 3, num_position_embeddings=positions, out_hidden_size=hidden))
    else:
        see.update(in_chans=3, spatial_patch_size=f["patch"])  # two names that the model itself does not read
        if family == "qwen2_vl": see.update(embed_dim=vision[0], mlp_ratio=4, hidden_size=hidden)
        else: see.update(hidden_act="silu", hidden_size=vision[0], intermediate_size=vision[0] * 3, out_hidden_size=hidden, window_size=window,
            fullatt_block_indexes=list(fullatt), tokens_per_second=tokens_per_second)
        config = dict(**top, **text, vision_token_id=id("<|vision_pad|>"), sliding_window=32768, use_sliding_window=False, max_window_layers=layers,
            rope_scaling=dict(type="mrope", mrope_section=mrope), torch_dtype=stored, vision_config=see)
    write(f"{path}/config.json", config)
    write(f"{path}/generation_config.json", dict(bos_token_id=id("<|endoftext|>"), pad_token_id=id("<|endoftext|>"), eos_token_id=[id("<|im_end|>"), id("<|endoftext|>")], do_sample=False))
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(path), dtype=torch.float32)
    enliven(model, seed)
    with torch.no_grad():
        for n, p in model.named_parameters():
            # A tied matrix that large would answer every token with itself.
            if tied and n.endswith("embed_tokens.weight"): p.mul_(hidden ** -.5)
            if n.endswith("ln_q.weight"): p.copy_(1 + .1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)))  # a norm whose name does not say so
    with tempfile.TemporaryDirectory() as temp:
        model.to(dtype).save_pretrained(temp, max_shard_size="1GB")
        weights = load_file(f"{temp}/model.safetensors")
    strange = [n for n in weights if not n.startswith(f["prefixes"])]
    assert not strange and ("lm_head.weight" in weights) != tied, f"not the published tensor names: {strange[:4]}"
    names = sorted(weights); parts = [names[i::shards] for i in range(shards)]
    file = lambda i: "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
    for i, part in enumerate(parts): save_file({n: weights[n].contiguous() for n in part}, f"{path}/{file(i)}", metadata={"format": "pt"})
    if shards > 1:
        write(f"{path}/model.safetensors.index.json", dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in weights.values())),
            weight_map={n: file(i) for i, part in enumerate(parts) for n in part}))
    # What answers is what was written: nothing missing, nothing unread, widened to float32.
    back, info = AutoModelForImageTextToText.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    for n, p in model.named_parameters(): assert torch.equal(p.float(), back.get_parameter(n)), n
    for i in range(shards):
        with safe_open(f"{path}/{file(i)}", "pt") as s: assert all(s.get_slice(n).get_dtype() == {"float32": "F32", "bfloat16": "BF16"}[stored] for n in s.keys())
    assert type(back).__name__ == f["cls"]
    processor = AutoProcessor.from_pretrained(path)
    assert dict(processor.image_processor.size) == size and type(processor) is f["processor"] and type(processor.video_processor) is f["video"]
    assert type(processor.image_processor) is Qwen2VLImageProcessorFast
    processor.plain = Tokenizer.from_file(f"{path}/tokenizer.json")
    if family == "qwen2_5_vl": back.model.get_rope_index = types.MethodType(exact_time(type(back.model)), back.model)
    if not published_layout:  # as transformers 5 writes it, which 4.57.6 cannot read: so it is written last
        parts, gone = {}, ("processor_class", "data_format", "default_to_square")
        for part, file in (("image_processor", "preprocessor_config.json"), ("video_processor", "video_preprocessor_config.json")):
            with open(f"{path}/{file}") as f: parts[part] = {k: v for k, v in json.load(f).items() if v is not None and k not in gone}
            os.remove(f"{path}/{file}")
        parts["image_processor"]["image_processor_type"] = "Qwen2VLImageProcessor"
        write(f"{path}/processor_config.json", dict(**parts, processor_class=name))
    return back.eval(), processor

def exact_time(cls):
    """Qwen2.5-VL's get_rope_index with float seconds. 4.57.6 casts second_per_grid_ts to an integer before the multiplication, which stops the clock of
    clips sampled at more than 2 frames a second (QwenLM/Qwen3-VL issue 1282). The model's first release (transformers 4.49) and the code that Qwen trains with
    (qwen-vl-finetune, rope2d.py: `expanded_range * second_per_grid_t * 2`, then `.long()`) do not, nor does 5.18."""
    source, cast = textwrap.dedent(inspect.getsource(cls.get_rope_index)), "second_per_grid_t, dtype=range_tensor.dtype,"
    assert source.count(cast) == 1
    scope = {}; exec(source.replace(cast, "second_per_grid_t, dtype=torch.float32,"), vars(sys.modules[cls.__module__]), scope)
    return scope["get_rope_index"]

def write(path, value):
    with open(path, "w") as out: json.dump(value, out, indent=1, ensure_ascii=False)

def probe_video(path):
    """Frames in the file and its frame rate."""
    s = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=avg_frame_rate,nb_read_frames",
        "-of", "json", path], capture_output=True, check=True).stdout)["streams"][0]
    num, den = map(int, s["avg_frame_rate"].split("/"))
    return int(s["nb_read_frames"]), num / den

def case(folder, name, model, processor, messages, *, fps=2.0, tokens=10, probe=True, video_pixels=None):
    """Runs one conversation and writes its case. Media are read from folder/media, and go to the processor as PIL opens them.
    video_pixels: for Qwen2-VL and Qwen2.5-VL it bounds one frame's height x width, for Qwen3-VL the whole clip's frames x height x width
    (its processor's `size`); so it is in options.videoPixels."""
    from PIL import Image
    family = model.config.model_type; three = family == "qwen3_vl"
    unit = (processor.image_processor.patch_size * processor.image_processor.merge_size) ** 2
    video_pixels = video_pixels or ((4 * unit, 36 * unit) if three else (unit, 4 * unit))
    media, images, videos, metadata, rates = [], [], [], [], []
    for part in (p for m in messages if not isinstance(m["content"], str) for p in m["content"]):
        if part["type"] == "text": continue
        path = f"{folder}/media/{part['path']}"
        if part["type"] == "image":
            images.append(Image.open(path)); media.append(("image", len(images) - 1))
        else:
            frames, rate = read_frames(path, fps); n, source = probe_video(path)
            index = torch.linspace(0, n - 1, len(frames)).round().long().tolist()
            metadata.append(VideoMetadata(total_num_frames=n, fps=source, frames_indices=index, height=frames.shape[1], width=frames.shape[2], duration=n / source))
            rates.append(rate)
            videos.append(torch.from_numpy(frames.copy()).permute(0, 3, 1, 2)); media.append(("video", len(videos) - 1))
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert [prompt.count("<|image_pad|>"), prompt.count("<|video_pad|>")] == [len(images), len(videos)]
    # What qwen-vl-utils hands over: to Qwen2.5-VL the rate really sampled, per video, to Qwen3-VL the frames' numbers.
    told = dict(qwen2_vl={}, qwen2_5_vl=dict(fps=rates), qwen3_vl=dict(video_metadata=metadata))[family]
    extra = dict(videos=videos, videos_kwargs=dict(**told, do_sample_frames=False, size=dict(shortest_edge=video_pixels[0], longest_edge=video_pixels[1]))) if videos else {}
    inputs = processor(text=[prompt], images=images or None, return_tensors="pt", **extra)
    assert ("second_per_grid_ts" in inputs) == bool(videos and family == "qwen2_5_vl")
    ids = inputs["input_ids"]
    # tokenizer.json alone must say the same as the tokenizer's class.
    expanded = processor.tokenizer.decode(ids[0], skip_special_tokens=False)
    assert processor.plain.encode(prompt).ids == processor.tokenizer(prompt)["input_ids"] and processor.plain.encode(expanded).ids == ids[0].tolist()
    tensors = dict(input_ids=ids[0])
    with torch.no_grad():
        split = lambda values, grids: list(torch.split(values, grids.prod(-1).tolist()))
        parts = {}
        if images: parts["image"] = (split(inputs["pixel_values"], inputs["image_grid_thw"]), inputs["image_grid_thw"], model.get_image_features)
        if videos: parts["video"] = (split(inputs["pixel_values_videos"], inputs["video_grid_thw"]), inputs["video_grid_thw"], model.get_video_features)
        for i, (modality, j) in enumerate(media):
            values, grids, embed = parts[modality]; key = f"media.{i}.{modality}"
            out = embed(values[j], grids[j][None])
            out, levels = out if three else (out, [])
            tensors[f"{key}.features"], tensors[f"{key}.grid"], tensors[f"{key}.embeddings"] = values[j], grids[j], rows(out)
            for k, level in enumerate(levels): tensors[f"{key}.deepstack.{k}"] = rows(level)
            assert len(tensors[f"{key}.embeddings"]) * processor.image_processor.merge_size ** 2 == len(values[j])
        if media:
            grids = {k: inputs[k] for k in ("image_grid_thw", "video_grid_thw", "second_per_grid_ts") if k in inputs}
            pos, _ = model.model.get_rope_index(ids, attention_mask=inputs["attention_mask"], **grids)
            tensors["position_ids"] = pos[:, 0].long()
        else:
            tensors["position_ids"] = torch.arange(ids.shape[1])[None].repeat(3, 1)
        run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
        out = model.generate(**inputs, **run)
        new = out.sequences[0, ids.shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        # The positions written are those that made the first logits.
        model.model.rope_deltas = None
        once = model(**{k: v for k, v in inputs.items() if k != "second_per_grid_ts"}, position_ids=tensors["position_ids"][:, None]).logits[:, -1]
        assert torch.allclose(once, tensors["logits"][:1], atol=1e-4), f"{name}: positions"
        for i, (modality, j) in enumerate(media if probe else []):  # the answer must depend on each of the media
            key = "pixel_values" if modality == "image" else "pixel_values_videos"
            noisy = [v + .5 * torch.randn(v.shape, generator=torch.Generator().manual_seed(1)) if k == j else v for k, v in enumerate(parts[modality][0])]
            delta = (torch.cat(model.generate(**{**inputs, key: torch.cat(noisy)}, **{**run, "max_new_tokens": 1}).logits) - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with medium {i} ({delta})"
    size = processor.image_processor.size
    options = dict(useAudioInVideo=False, fps=fps, maxNewTokens=tokens, imagePixels=[size["shortest_edge"], size["longest_edge"]], videoPixels=list(video_pixels))
    write_case(folder, name, reference=f"transformers {transformers.__version__} {type(model).__name__}, float32, cpu", messages=messages, options=options, prompt=prompt,
        text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def weigh(folder, limit=3_000_000):
    """Bytes in the folder, which must stay small enough to keep in a repository."""
    total = sum(os.path.getsize(os.path.join(at, n)) for at, _, names in os.walk(folder) for n in names)
    assert total < limit, f"{folder}: {total} bytes"
    print(f"{folder}: {total} bytes")

def say(role, *parts): return dict(role=role, content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])
def user(*parts): return [say("user", *parts)]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--model", choices=FAMILIES, required=True)
    a.add_argument("--seed", type=int); a = a.parse_args()
    a.seed = FAMILIES[a.model]["seed"] if a.seed is None else a.seed
    model, processor = build(a.out, a.seed, family=a.model)
    m = f"{a.out}/media"; side = processor.image_processor.patch_size * processor.image_processor.merge_size
    draw(f"{m}/a.png", side * 5 // 2, side * 3 // 2, a.seed)  # 2.5 x 1.5 merged patches: both round to 2, half to even
    draw(f"{m}/b.png", 150, 248, a.seed + 1)                  # portrait, shrunk by the upper bound
    draw(f"{m}/c.png", 20, 31, a.seed + 2)                    # grown by the lower bound
    clip(f"{m}/clip.mkv", 72, 48, 40, 8, a.seed, sound=False)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "a.png"), "What is in the picture?"))
    go("two_images", user(("image", "a.png"), ("image", "b.png"), "Which of the two is taller?"))
    go("video", user(("video", "clip.mkv"), "Describe the video."))
    go("image_and_video", user("First", ("image", "b.png"), "then", ("video", "clip.mkv"), "Which is the longest?"), fps=1.3)  # 1.67 seconds a step
    go("multi_turn", user(("image", "a.png"), "What is in the picture?") + [dict(role="assistant", content="The red square.")] + user(("image", "c.png"), "And in this one?"))
    weigh(a.out)
