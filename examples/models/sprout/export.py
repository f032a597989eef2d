"""Writes the ordinary Hugging Face checkpoint of a training file, and loads one with the published classes.

bfloat16 safetensors, configuration, processor settings, tokenizer."""
import json
import os

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Qwen2_5OmniProcessor, Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration, Qwen2TokenizerFast,
    Qwen2VLImageProcessor, Qwen2VLVideoProcessor, WhisperFeatureExtractor,
)

from features import IMAGE_PIXELS, VIDEO_PIXELS
from model import CONFIG
from tokenizer import SPECIALS

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>"
    "{% elif c['type'] == 'video' %}<|vision_bos|><|VIDEO|><|vision_eos|>"
    "{% elif c['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PATCHES = dict(patch_size=14, temporal_patch_size=2, merge_size=2)
# what save_pretrained writes and nobody needs, or what is written here with more in it
NOT_KEPT = (
    "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json", "vocab.json", "merges.txt",
    "added_tokens.json", "special_tokens_map.json",
)


def thinker_config(ids: dict) -> Qwen2_5OmniThinkerConfig:
    return Qwen2_5OmniThinkerConfig(
        vision_config=dict(CONFIG["vision"]),
        audio_config=dict(CONFIG["audio"]),
        text_config=dict(CONFIG["text"], use_sliding_window=False),
        audio_token_index=ids["<|AUDIO|>"], image_token_index=ids["<|IMAGE|>"], video_token_index=ids["<|VIDEO|>"],
        audio_start_token_id=ids["<|audio_bos|>"], audio_end_token_id=ids["<|audio_eos|>"],
        vision_start_token_id=ids["<|vision_bos|>"], vision_end_token_id=ids["<|vision_eos|>"],
        vision_token_id=ids["<|vision_pad|>"], user_token_id=ids["user"],
        position_id_per_seconds=25, seconds_per_chunk=2,
        pad_token_id=ids["<|endoftext|>"], bos_token_id=None, eos_token_id=ids["<|im_end|>"],
        tie_word_embeddings=False,
    )


def processor(checkpoint: str) -> Qwen2_5OmniProcessor:
    """The published processor over this checkpoint's tokenizer.json."""
    tokenizer = Qwen2TokenizerFast(
        tokenizer_file=f"{checkpoint}/tokenizer.json", eos_token="<|im_end|>", pad_token="<|endoftext|>",
        unk_token=None,
        extra_special_tokens=dict(
            image_token="<|IMAGE|>", audio_token="<|AUDIO|>", video_token="<|VIDEO|>",
            vision_bos_token="<|vision_bos|>", vision_eos_token="<|vision_eos|>",
            audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>",
        ),
    )
    image = Qwen2VLImageProcessor(min_pixels=IMAGE_PIXELS[0], max_pixels=IMAGE_PIXELS[1], **PATCHES)
    video = Qwen2VLVideoProcessor(**PATCHES)
    sound = WhisperFeatureExtractor(feature_size=128, chunk_length=30)
    return Qwen2_5OmniProcessor(image, video, sound, tokenizer, chat_template=TEMPLATE)


def export(weights: dict, checkpoint: str):
    """weights: a model's state. checkpoint: a folder with a tokenizer.json, which stays as it is."""
    published = processor(checkpoint)
    ids = {token: published.tokenizer.convert_tokens_to_ids(token) for token in SPECIALS + ["user"]}
    _write_processor(published, checkpoint)
    _write_configuration(ids, checkpoint)
    tensors = {f"thinker.{k}": v.detach().to(torch.bfloat16).contiguous().clone() for k, v in weights.items()}
    save_file(tensors, f"{checkpoint}/model.safetensors", metadata={"format": "pt"})
    size = os.path.getsize(f"{checkpoint}/model.safetensors") / 1e6
    print(f"{sum(v.numel() for v in weights.values()):,} parameters, {size:.2f} MB")


def _write_json(path, values, **how):
    with open(path, "w") as file:
        json.dump(values, file, indent=1, **how)


def _write_processor(published, checkpoint):
    with open(f"{checkpoint}/tokenizer.json") as file:
        tokenizer = file.read()
    published.save_pretrained(checkpoint)
    with open(f"{checkpoint}/tokenizer.json", "w") as file:
        file.write(tokenizer)
    for name in NOT_KEPT:
        if os.path.exists(f"{checkpoint}/{name}"):
            os.remove(f"{checkpoint}/{name}")
    image, sound = published.image_processor.to_dict(), published.feature_extractor.to_dict()
    image.pop("size", None)
    image.update(min_pixels=IMAGE_PIXELS[0], max_pixels=IMAGE_PIXELS[1])
    both = {**image, **sound, "processor_class": "Qwen2_5OmniProcessor"}
    _write_json(f"{checkpoint}/preprocessor_config.json", both, default=str)
    # the published processor takes these from its keyword arguments; a reader of the checkpoint finds them here
    low, high = VIDEO_PIXELS
    _write_json(f"{checkpoint}/video_preprocessor_config.json", dict(
        video_processor_type="Qwen2VLVideoProcessor", min_pixels=low, max_pixels=high,
        size=dict(shortest_edge=low, longest_edge=high), fps=2.0, min_frames=4, max_frames=768, **PATCHES,
        image_mean=image["image_mean"], image_std=image["image_std"],
        do_resize=True, do_rescale=True, do_normalize=True, do_convert_rgb=True, resample=3, rescale_factor=1 / 255,
    ))


def _write_configuration(ids, checkpoint):
    thinker = thinker_config(ids).to_dict()
    for key in ("transformers_version", "_attn_implementation"):
        thinker.pop(key, None)
    _write_json(f"{checkpoint}/config.json", dict(
        architectures=["Qwen2_5OmniModel"], model_type="qwen2_5_omni", enable_audio_output=False,
        thinker_config=thinker, torch_dtype="bfloat16",
    ))
    _write_json(f"{checkpoint}/generation_config.json", dict(
        eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False, max_new_tokens=24
    ))


def load(checkpoint: str):
    """The published model and processor, float32, from the files of the checkpoint."""
    with open(f"{checkpoint}/config.json") as file:
        config = Qwen2_5OmniThinkerConfig(**json.load(file)["thinker_config"])
    config._attn_implementation = "eager"
    model = Qwen2_5OmniThinkerForConditionalGeneration(config).eval()
    stored = load_file(f"{checkpoint}/model.safetensors")
    missing, extra = model.load_state_dict(
        {name.removeprefix("thinker."): w.float() for name, w in stored.items()}, strict=False
    )
    computed = [name for name in missing if "inv_freq" in name or "positional" in name]
    assert not extra and missing == computed, (missing, extra)
    return model, processor(checkpoint)
