"""Golden folder for Qwen2.5-Omni's Thinker. Usage, from the repository root:
python test/golden/qwen2_5_omni/qwen2_5_omni.py test/golden/qwen2_5_omni [--seed N]. Needs torch 2.13 and transformers 4.57.6, whose positions
are those that the published weights were trained with."""
import argparse, json, os, sys
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (Qwen2_5OmniProcessor, Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration, Qwen2TokenizerFast,
    Qwen2VLImageProcessor, Qwen2VLVideoProcessor, WhisperFeatureExtractor)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import clip, draw, enliven, read_frames, read_sound, round_weights, rows, tone, train_bpe, write_case

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|vision_bos|>", "<|vision_eos|>",
    "<|vision_pad|>", "<|IMAGE|>", "<|VIDEO|>"]
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>{% elif c['type'] == 'video' %}"
    "<|vision_bos|><|VIDEO|><|vision_eos|>{% elif c['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

def build(folder, seed, *, hidden=64, layers=3, heads=4, kv_heads=2, mrope=(2, 3, 3), tied=False, theta=50.0, vision=(32, 4, 2), fullatt=(1, 3), window=56,
          audio=(32, 2, 2), n_window=50, shards=1, dtype=torch.float32, published_layout=True):
    """Writes checkpoint/ and returns (model in float32, processor). vision = (width, depth, heads); audio = (width, layers, heads).
    theta is small (published: 1e6) so that at these sizes a swapped axis shows in the logits."""
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = Qwen2TokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, extra_special_tokens=dict(
        image_token="<|IMAGE|>", audio_token="<|AUDIO|>", video_token="<|VIDEO|>", vision_bos_token="<|vision_bos|>", vision_eos_token="<|vision_eos|>",
        audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>"))
    vocab = (len(tokenizer) + 15) // 16 * 16
    pixels = dict(min_pixels=4 * 28 * 28, max_pixels=24 * 28 * 28)
    image_processor = Qwen2VLImageProcessor(**pixels, patch_size=14, temporal_patch_size=2, merge_size=2)
    video_processor = Qwen2VLVideoProcessor(patch_size=14, temporal_patch_size=2, merge_size=2)
    processor = Qwen2_5OmniProcessor(image_processor, video_processor, WhisperFeatureExtractor(feature_size=128, chunk_length=30), tokenizer, chat_template=TEMPLATE)
    config = Qwen2_5OmniThinkerConfig(
        audio_config=dict(d_model=audio[0], encoder_layers=audio[1], encoder_attention_heads=audio[2], encoder_ffn_dim=audio[0] * 4, num_mel_bins=128,
            n_window=n_window, output_dim=hidden, max_source_positions=1500),
        vision_config=dict(depth=vision[1], hidden_size=vision[0], intermediate_size=vision[0] * 3, num_heads=vision[2], out_hidden_size=hidden,
            fullatt_block_indexes=list(fullatt), window_size=window),
        text_config=dict(vocab_size=vocab, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads,
            num_key_value_heads=kv_heads, max_position_embeddings=32768, rope_theta=theta, rope_scaling=dict(mrope_section=list(mrope), rope_type="default", type="default"),
            use_sliding_window=False, tie_word_embeddings=tied),
        audio_token_index=ids["<|AUDIO|>"], image_token_index=ids["<|IMAGE|>"], video_token_index=ids["<|VIDEO|>"],
        audio_start_token_id=ids["<|audio_bos|>"], audio_end_token_id=ids["<|audio_eos|>"], vision_start_token_id=ids["<|vision_bos|>"],
        vision_end_token_id=ids["<|vision_eos|>"], vision_token_id=ids["<|vision_pad|>"], pad_token_id=ids["<|endoftext|>"],
        bos_token_id=None, eos_token_id=ids["<|im_end|>"], tie_word_embeddings=tied)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = Qwen2_5OmniThinkerForConditionalGeneration(config).eval()
    enliven(model, seed, embed_std=.8 / hidden ** .5 if tied else 1.0)
    round_weights(model, dtype)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    processor.save_pretrained(path)
    # The published checkpoint nests the Thinker and carries other parts beside it.
    sd = {f"thinker.{k}": v.to(dtype).contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    sd["talker.codec_head.weight"] = torch.zeros(4, 4, dtype=dtype)
    sd["token2wav.code2wav_dit_model.proj_out.bias"] = torch.zeros(4, dtype=dtype)
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    for name in ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json"):
        if os.path.exists(f"{path}/{name}"): os.remove(f"{path}/{name}")
    image, sound = image_processor.to_dict(), processor.feature_extractor.to_dict()
    image.pop("size", None); image.update(pixels)
    if published_layout:  # one preprocessor_config.json holds the settings of images and of sound
        name, settings = "preprocessor_config.json", {**image, **sound, "processor_class": "Qwen2_5OmniProcessor"}
    else:  # as later versions of transformers write it
        name, settings = "processor_config.json", dict(feature_extractor=sound, processor_class="Qwen2_5OmniProcessor", video_processor=video_processor.to_dict(),
            image_processor={**image, "size": dict(shortest_edge=pixels["min_pixels"], longest_edge=pixels["max_pixels"])})
    with open(f"{path}/{name}", "w") as f: json.dump(settings, f, indent=1, default=str)
    thinker = config.to_dict()
    for key in ("transformers_version", "_attn_implementation"): thinker.pop(key, None)
    with open(f"{path}/config.json", "w") as f:
        json.dump(dict(architectures=["Qwen2_5OmniModel"], model_type="qwen2_5_omni", enable_audio_output=True, thinker_config=thinker,
            torch_dtype=str(dtype).removeprefix("torch.")), f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False), f)
    return model, processor

def case(folder, name, model, processor, messages, *, sound=False, fps=2.0, tokens=10, probe=True, video_pixels=(4 * 784, 12 * 784)):
    """Runs one conversation and writes its case. Media are read from folder/media; video_pixels bounds one frame's height x width."""
    from PIL import Image
    media, images, videos, audios, rates = [], [], [], [], []
    for part in (p for m in messages if not isinstance(m["content"], str) for p in m["content"]):
        if part["type"] == "text": continue
        path = f"{folder}/media/{part['path']}"
        if part["type"] == "image":
            im = Image.open(path)
            if im.mode == "RGBA":  # onto white, as qwen-omni-utils does
                white = Image.new("RGB", im.size, (255, 255, 255)); white.paste(im, mask=im.split()[3]); im = white
            images.append(im.convert("RGB")); media.append([("image", len(images) - 1)])
        elif part["type"] == "audio":
            audios.append(read_sound(path)); media.append([("audio", len(audios) - 1)])
        else:
            frames, rate = read_frames(path, fps)
            videos.append(torch.from_numpy(frames.copy()).permute(0, 3, 1, 2)); rates.append(rate)
            entry = [("video", len(videos) - 1)]
            if sound: audios.append(read_sound(path)); entry.append(("audio", len(audios) - 1))
            media.append(entry)
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    extra = {}
    if videos:
        assert len(set(rates)) == 1, "the processor takes one rate for all videos"
        extra = dict(videos=videos, videos_kwargs=dict(fps=rates[0], do_sample_frames=False, use_audio_in_video=sound,
            size=dict(shortest_edge=video_pixels[0], longest_edge=video_pixels[1])))
    inputs = processor(text=prompt, images=images or None, audio=audios or None, return_tensors="pt", padding=True, **extra)
    tensors = dict(input_ids=inputs["input_ids"][0])
    mask = inputs.get("feature_attention_mask")
    with torch.no_grad():
        def split(values, grids): return list(torch.split(values, grids.prod(-1).tolist()))
        image_px = split(inputs["pixel_values"], inputs["image_grid_thw"]) if images else []
        video_px = split(inputs["pixel_values_videos"], inputs["video_grid_thw"]) if videos else []
        for i, entry in enumerate(media):
            for modality, j in entry:
                key = f"media.{i}.{modality}"
                if modality == "image":
                    grid = inputs["image_grid_thw"][j]; tensors[f"{key}.features"], tensors[f"{key}.grid"] = image_px[j], grid
                    tensors[f"{key}.embeddings"] = rows(model.get_image_features(image_px[j], grid[None]))
                elif modality == "video":
                    grid = inputs["video_grid_thw"][j]; tensors[f"{key}.features"], tensors[f"{key}.grid"] = video_px[j], grid
                    tensors[f"{key}.embeddings"] = rows(model.get_video_features(video_px[j], grid[None]))
                else:
                    n = int(mask[j].sum()); tensors[f"{key}.features"] = inputs["input_features"][j][:, :n]
                    out = model.get_audio_features(inputs["input_features"][j:j + 1], mask[j:j + 1])
                    tensors[f"{key}.embeddings"] = rows(out)
        if images or videos:
            pos, _ = model.get_rope_index(inputs["input_ids"], inputs.get("image_grid_thw"), inputs.get("video_grid_thw"), inputs["attention_mask"],
                sound, mask.sum(-1) if mask is not None else None, torch.as_tensor(inputs["video_second_per_grid"]) if videos else None)
            tensors["position_ids"] = pos[:, 0].long()
        else:
            tensors["position_ids"] = torch.arange(inputs["input_ids"].shape[1])[None].repeat(3, 1)
        if videos: inputs["video_second_per_grid"] = torch.as_tensor(inputs["video_second_per_grid"], dtype=torch.float32)
        run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True, **({"use_audio_in_video": sound} if videos else {}))
        out = model.generate(**inputs, **run)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        if probe and media:  # the answer must depend on the media
            moved = {k: (v + .5 * torch.randn(v.shape, generator=torch.Generator().manual_seed(1)) if torch.is_tensor(v) and v.is_floating_point() and "second" not in k else v) for k, v in inputs.items()}
            delta = (torch.cat(model.generate(**moved, **{**run, "max_new_tokens": 1}).logits) - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"transformers {transformers.__version__} Qwen2_5OmniThinkerForConditionalGeneration, float32, cpu", messages=messages,
        options=dict(useAudioInVideo=sound, fps=fps, maxNewTokens=tokens, videoPixels=list(video_pixels)), prompt=prompt, text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def user(*parts): return [dict(role="user", content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=7); a = a.parse_args()
    model, processor = build(a.out, a.seed)
    m = f"{a.out}/media"
    draw(f"{m}/a.png", 130, 90, a.seed); tone(f"{m}/a.wav", 1.7, a.seed); clip(f"{m}/clip.mkv", 96, 64, 40, 8, a.seed)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "a.png"), "What is in the picture?"))
    go("audio", user(("audio", "a.wav"), "What is said?"))
    go("video", user(("video", "clip.mkv"), "Describe the video."))
    go("video_with_sound", user(("video", "clip.mkv"), "What is said while the ball moves?"), sound=True)
    go("mixed", user("First", ("image", "a.png"), "then", ("audio", "a.wav"), "then", ("video", "clip.mkv"), "Which is the longest?"))
