"""Writes the ordinary Hugging Face checkpoint of a training file: bfloat16 safetensors, configuration, processor settings, tokenizer."""
import json, os
import torch
from safetensors.torch import save_file
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerConfig, Qwen2TokenizerFast, Qwen2VLImageProcessor, Qwen2VLVideoProcessor, WhisperFeatureExtractor
from features import IMAGE_PIXELS, VIDEO_PIXELS
from model import CONFIG
from tokenizer import SPECIALS

TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>{% elif c['type'] == 'video' %}"
    "<|vision_bos|><|VIDEO|><|vision_eos|>{% elif c['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

def thinker_config(ids):
    return Qwen2_5OmniThinkerConfig(vision_config=dict(CONFIG["vision"]), audio_config=dict(CONFIG["audio"]), text_config=dict(CONFIG["text"], use_sliding_window=False),
        audio_token_index=ids["<|AUDIO|>"], image_token_index=ids["<|IMAGE|>"], video_token_index=ids["<|VIDEO|>"], audio_start_token_id=ids["<|audio_bos|>"], audio_end_token_id=ids["<|audio_eos|>"],
        vision_start_token_id=ids["<|vision_bos|>"], vision_end_token_id=ids["<|vision_eos|>"], vision_token_id=ids["<|vision_pad|>"], user_token_id=ids["user"], position_id_per_seconds=25, seconds_per_chunk=2,
        pad_token_id=ids["<|endoftext|>"], bos_token_id=None, eos_token_id=ids["<|im_end|>"], tie_word_embeddings=False)

def processor(checkpoint):
    """The published processor over this checkpoint's tokenizer.json."""
    tokenizer = Qwen2TokenizerFast(tokenizer_file=f"{checkpoint}/tokenizer.json", eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, extra_special_tokens=dict(image_token="<|IMAGE|>", audio_token="<|AUDIO|>", video_token="<|VIDEO|>",
        vision_bos_token="<|vision_bos|>", vision_eos_token="<|vision_eos|>", audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>"))
    image = Qwen2VLImageProcessor(min_pixels=IMAGE_PIXELS[0], max_pixels=IMAGE_PIXELS[1], patch_size=14, temporal_patch_size=2, merge_size=2)
    return Qwen2_5OmniProcessor(image, Qwen2VLVideoProcessor(patch_size=14, temporal_patch_size=2, merge_size=2), WhisperFeatureExtractor(feature_size=128, chunk_length=30), tokenizer, chat_template=TEMPLATE)

def export(source, checkpoint):
    p = processor(checkpoint); tok = p.tokenizer; ids = {s: tok.convert_tokens_to_ids(s) for s in SPECIALS + ["user"]}; tokenizer_file = open(f"{checkpoint}/tokenizer.json").read()
    p.save_pretrained(checkpoint); open(f"{checkpoint}/tokenizer.json", "w").write(tokenizer_file)
    for name in ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"):
        if os.path.exists(f"{checkpoint}/{name}"): os.remove(f"{checkpoint}/{name}")
    image, sound = p.image_processor.to_dict(), p.feature_extractor.to_dict(); image.pop("size", None); image.update(min_pixels=IMAGE_PIXELS[0], max_pixels=IMAGE_PIXELS[1])
    with open(f"{checkpoint}/preprocessor_config.json", "w") as f: json.dump({**image, **sound, "processor_class": "Qwen2_5OmniProcessor"}, f, indent=1, default=str)
    # the published processor takes these from its keyword arguments; a reader of the checkpoint finds them here
    with open(f"{checkpoint}/video_preprocessor_config.json", "w") as f:
        json.dump(dict(video_processor_type="Qwen2VLVideoProcessor", min_pixels=VIDEO_PIXELS[0], max_pixels=VIDEO_PIXELS[1], size=dict(shortest_edge=VIDEO_PIXELS[0], longest_edge=VIDEO_PIXELS[1]), fps=2.0, min_frames=4, max_frames=768,
            patch_size=14, temporal_patch_size=2, merge_size=2, image_mean=image["image_mean"], image_std=image["image_std"], do_resize=True, do_rescale=True, do_normalize=True, do_convert_rgb=True, resample=3, rescale_factor=1 / 255), f, indent=1)
    thinker = thinker_config(ids).to_dict()
    for key in ("transformers_version", "_attn_implementation"): thinker.pop(key, None)
    with open(f"{checkpoint}/config.json", "w") as f: json.dump(dict(architectures=["Qwen2_5OmniModel"], model_type="qwen2_5_omni", enable_audio_output=False, thinker_config=thinker, torch_dtype="bfloat16"), f, indent=1)
    with open(f"{checkpoint}/generation_config.json", "w") as f: json.dump(dict(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False, max_new_tokens=24), f, indent=1)
    weights = torch.load(source, weights_only=False)["model"] if isinstance(source, str) else source
    save_file({f"thinker.{k}": v.detach().to(torch.bfloat16).contiguous().clone() for k, v in weights.items()}, f"{checkpoint}/model.safetensors", metadata={"format": "pt"})
    print(f"{sum(v.numel() for v in weights.values()):,} parameters, {os.path.getsize(f'{checkpoint}/model.safetensors') / 1e6:.2f} MB")

def load(checkpoint):
    """The published model and processor, float32, from the files of the checkpoint."""
    from safetensors.torch import load_file
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration
    config = Qwen2_5OmniThinkerConfig(**json.load(open(f"{checkpoint}/config.json"))["thinker_config"]); config._attn_implementation = "eager"
    model = Qwen2_5OmniThinkerForConditionalGeneration(config).eval(); sd = {k.removeprefix("thinker."): v.float() for k, v in load_file(f"{checkpoint}/model.safetensors").items()}
    missing, extra = model.load_state_dict(sd, strict=False); assert not extra and not [m for m in missing if "inv_freq" not in m and "positional" not in m], (missing, extra)
    return model, processor(checkpoint)
